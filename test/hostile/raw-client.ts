import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import { connect } from 'node:net'
import type { TestContext } from 'node:test'
import type { ProblemCode } from '../../src/errors.ts'
import { assertRow, type ProblemAnswer } from '../support/problem.ts'

export const BUNDLES = '/v1/attestation-bundles'

/** A client that keeps to no protocol. */
export interface RawClient {
  readonly socket: Socket
  send(text: string | Uint8Array): void
  /** All that came so far. */
  received(): string
  /** Resolves when something has come that contains `text`, or nothing comes any more. */
  has(text: string): Promise<void>
  /** Resolves when the service sends no more, with all that came. */
  readonly ended: Promise<string>
}

/** @param halfOpen never hangs up by itself, as a hostile client would */
export function openRaw(t: TestContext, url: string, halfOpen = false): RawClient {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: halfOpen })
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => { text += chunk }).on('error', () => undefined)
  const ended = Promise.race([once(socket, 'end'), once(socket, 'close')]).then(() => text)
  t.after(() => socket.destroy())
  return {
    socket, ended,
    send: (what) => { socket.write(what) },
    received: () => text,
    async has(wanted) {
      while (!text.includes(wanted) && !socket.destroyed) await Promise.race([once(socket, 'data'), ended])
    },
  }
}

/** The next connection as the service sees it, and the moment of its end. Ask before what connects. */
export async function nextConnection(server: Server, event: 'connection' | 'secureConnection' = 'connection'): Promise<{ closed: Promise<unknown> }> {
  const [socket] = await once(server, event) as [Socket]
  return { closed: once(socket, 'close') }
}

/** The answers in what a client received, in order. */
export function answersIn(text: string): { status: number; head: string; body: string }[] {
  const answers = []
  for (let rest = text; rest !== '';) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) throw new Error(`no answer: ${rest.slice(0, 200)}`)
    const head = rest.slice(0, end).toLowerCase()
    const length = Number(/\r\ncontent-length: (\d+)/.exec(head)?.[1] ?? 0)
    answers.push({ status: Number(head.split(' ')[1]), head, body: rest.slice(end + 4, end + 4 + length) })
    rest = rest.slice(end + 4 + length)
  }
  return answers
}

/** Asserts that a client got one answer, the problem `code`. */
export function assertProblem(text: string, code: ProblemCode): void {
  const [answer, ...more] = answersIn(text)
  assert.deepEqual(more, [])
  assert.match(answer?.head ?? '', /\r\ncontent-type: application\/problem\+json(\r\n|$)/, text)
  const problem = JSON.parse(answer!.body) as ProblemAnswer
  assertRow(problem, code)
  assert.equal(answer?.status, problem.status)
}

/** The head of a POST with a body of `length` bytes. */
export const postHead = (length: number | 'chunked', ...headers: readonly string[]): string => [
  `POST ${BUNDLES} HTTP/1.1`, 'host: service', 'content-type: application/json', ...headers,
  length === 'chunked' ? 'transfer-encoding: chunked' : `content-length: ${length}`, '', '',
].join('\r\n')

/** A request without a body. */
export const request = (method: string, path: string, ...headers: readonly string[]): string =>
  [`${method} ${path} HTTP/1.1`, 'host: service', ...headers, '', ''].join('\r\n')
