import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as plain, type IncomingHttpHeaders } from 'node:http'
import { request as overTls, type Agent, type RequestOptions } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { after } from 'node:test'
import { order, type Service } from '../support/service.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface Question {
  readonly method?: string
  /** A list sends the field several times. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: unknown
  /** What the client knows and shows at the handshake. */
  readonly tls?: Pick<RequestOptions, 'ca' | 'cert' | 'key'>
  readonly agent?: Agent
}

/** Sends one request, on a connection of its own unless an agent keeps one. */
export function ask(url: string, { method = 'GET', headers = {}, body, tls, agent }: Question = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const sent = { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers } as Record<string, string | string[]>
  const options = { method, agent: agent ?? false, headers: sent, ...tls }
  const request = url.startsWith('https:') ? overTls(url, options) : plain(url, options)
  request.on('response', (answer) => {
    buffer(answer).then((bytes) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: bytes }), reject)
  })
  request.on('error', reject)
  request.end(body === undefined ? undefined : JSON.stringify(body))
  return promise
}

/** The one answer to everything that is wrong with a credential. */
const UNAUTHENTICATED =
  '{"type":"urn:problem:attestation-bundle:unauthenticated","title":"No valid credential","status":401,'
  + '"detail":"send a valid credential","code":"unauthenticated"}'

const BUNDLES = '/v1/attestation-bundles'
let addresses = 0

/**
 * Sends an order with what should be no credential, and asserts what its sender gets and what the TSB does not. The service must trust this
 * machine as a proxy: every attempt comes from an address of its own, so that none is limited.
 * @param send sends the order to this URL with these headers beside its own
 * @returns why it was refused, as the log says it
 */
export async function assertRefused(service: Service, question: Question, challenge: string): Promise<unknown> {
  const sent = service.simulator.requests.length
  const address = `203.0.113.${addresses++}`
  const headers = { 'x-forwarded-for': address, ...question.headers }
  const answer = await ask(service.url + BUNDLES, { method: 'POST', body: order('refused'), ...question, headers })
  assert.equal(answer.body.toString(), UNAUTHENTICATED)
  // These two differ from answer to answer, whatever was sent.
  const { date: _date, traceresponse, ...fields } = answer.headers
  assert.match(String(traceresponse), /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-9]$/)
  assert.deepEqual([answer.status, fields], [401, {
    'www-authenticate': challenge, 'content-type': 'application/problem+json', 'cache-control': 'no-store', 'content-length': String(UNAUTHENTICATED.length),
    connection: 'close',
  }])
  assert.deepEqual(service.simulator.requests.slice(sent), [])
  const { level, reason, caller } = await service.logged((line) => line['address'] === address)
  assert.deepEqual([level, caller], [40, undefined])
  return reason
}

/** Sends a good order. */
export const issue = (service: Service, label: string, question: Question = {}): Promise<Answer> =>
  ask(service.url + BUNDLES, { method: 'POST', body: order(label), ...question })

export const list = (service: Service, label: string, question: Question = {}): Promise<Answer> =>
  ask(`${service.url}${BUNDLES}?label=${label}`, question)

export const bearer = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` })

export const sha256 = (key: string): string => createHash('sha256').update(key).digest('hex')

/** A folder for the files of one test file. */
export function temporaryFiles(): { write(name: string, content: string): string; writeJson(name: string, content: unknown): string } {
  const folder = mkdtempSync(join(tmpdir(), 'auth-'))
  after(() => { rmSync(folder, { recursive: true, force: true }) })
  const write = (name: string, content: string): string => {
    const path = join(folder, name)
    writeFileSync(path, content)
    return path
  }
  return { write, writeJson: (name, content) => write(name, JSON.stringify(content)) }
}

/** A clock that a test sets. */
export function testClock(): { now(): Date; pass(milliseconds: number): void } {
  let ahead = 0
  return { now: () => new Date(Date.now() + ahead), pass: (milliseconds) => { ahead += milliseconds } }
}
