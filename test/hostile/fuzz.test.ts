import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { CONNECTION_LIMITS } from '../../src/routes/connections.ts'
import type { TransactionView } from '../../src/routes/schemas/answers.ts'
import { startSimulator, type Simulator } from '../../src/simulator/simulator.ts'
import { sha256 } from '../auth/callers.ts'
import { assertBundle } from '../support/scene.ts'
import { sharedPki, startApp, type RunningApp } from '../support/service.ts'
import { contractOf, type Contract, type OpenApi, type WireAnswer } from './contract.ts'
import { FAULTS } from './generated-orders.ts'
import { KEYS, MADE, requests, wireOf, type GeneratedRequest } from './generated-requests.ts'
import { BUNDLES } from './raw-client.ts'

// fast-check prints seed, path and the smallest list of requests of a property that fails: `fc.assert(…, { seed, path })` plays it again.
//
// Memory is compared with itself, so that the machine plays no part: what one half of the requests left must not grow with the other half.

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const BATCHES = 150
const AT_ONCE = 16
/** A half of twelve hundred requests leaves 0.5 MB: the HSM's keys, and what the engine learned. Were each request kept, it would be 9 MB. */
const GROWTH_BYTES = 2_000_000
const PATIENCE_MS = 30_000
/** Where a body ends is not what its request says. */
const UNCLEAR = ['none', 'shorter', 'longer', 'unfinished']

const home = mkdtempSync(join(tmpdir(), 'fuzz-'))
const file = (name: string, content: string): string => {
  writeFileSync(join(home, name), content)
  return join(home, name)
}
let simulator: Simulator
let app: RunningApp
let contract: Contract
let settings: Record<string, string>
const sent = { requests: 0, made: `${BUNDLES}/00000000-0000-4000-8000-000000000000` }
const statuses = new Set<number>()

before(async () => {
  simulator = await startSimulator({ pki: await sharedPki() })
  const clients = Object.entries(KEYS).map(([id, key]) => ({ id, apiKeySha256: sha256(key), labels: [`${id}-*`] }))
  settings = {
    TSB_URL: simulator.url, TRUST_ANCHORS_FILE: file('root.pem', simulator.rootPem), JOURNAL_URL: `file:${join(home, 'journal.sqlite')}`,
    AUTH_MODE: 'api-key', AUTH_CLIENTS_FILE: file('clients.json', JSON.stringify(clients)), TRUST_PROXY: 'loopback', LEASE_MS: '60000',
  }
  app = await startApp(settings, undefined, { ...CONNECTION_LIMITS, headersMs: 2_000, requestMs: 3_000, checkEveryMs: 250 })
  contract = contractOf(await (await app.get('/openapi.json')).json() as OpenApi)
  for (const [label, [call, fault]] of Object.entries(FAULTS)) simulator.faults.under(label).set(call, { ...fault, times: Infinity })
})
after(async () => {
  await app.stop()
  await simulator.close()
  rmSync(home, { recursive: true, force: true })
})

/** Sends bytes on a connection of their own. @returns what came back until the service hung up; undefined for nothing */
async function exchange(bytes: Buffer, hangsUp: boolean): Promise<WireAnswer | undefined> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(app.url).port), allowHalfOpen: true })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const patience = setTimeout(() => { reject(new Error(`no end of the answer after ${PATIENCE_MS} ms: ${received}`)) }, PATIENCE_MS)
  let received = ''
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text
    // Of two Connection fields that say different things Node takes the first: then we hang up.
    if (!hangsUp && /^connection: keep-alive\r$/im.test(received)) socket.end()
  }).on('error', () => undefined).once('end', resolve).once('close', resolve)
  socket.write(bytes)
  if (hangsUp) socket.end()
  await promise.finally(() => { clearTimeout(patience); socket.destroy() })
  return answerOf(received.replace(/^(HTTP\/1\.1 100 Continue\r\n\r\n)+/, ''))
}

function answerOf(text: string): WireAnswer | undefined {
  if (text === '') return undefined
  const end = text.indexOf('\r\n\r\n')
  const [line = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers = new Map(lines.map((each) => [each.slice(0, each.indexOf(':')).toLowerCase(), each.slice(each.indexOf(':') + 1).trim()] as const))
  const body = Buffer.from(text.slice(end + 4), 'latin1')
  if (body.length > 0) assert.equal(Number(headers.get('content-length')), body.length, `more than one answer: ${text}`)
  return { status: Number(line.split(' ')[1]), headers, body }
}

async function send(request: GeneratedRequest): Promise<void> {
  const { method, target, framing, body } = request
  const answer = await exchange(wireOf(request, sent.made), request.hangsUp || framing === 'longer' || framing === 'unfinished')
  sent.requests += 1
  if (answer === undefined) {
    // Garbage behind a request ends the connection, as CONNECT does: a problem would be read as the answer to the request.
    assert.ok(request.hangsUp || method === 'CONNECT' || (body !== '' && UNCLEAR.includes(framing)), 'no answer')
    return
  }
  contract.assertDocumented(method, target.replace(MADE, sent.made), answer)
  statuses.add(answer.status)
  sent.made = answer.headers.get('location') ?? sent.made
}

const half = (): Promise<void> => fc.assert(fc.asyncProperty(fc.array(requests, { minLength: 1, maxLength: AT_ONCE, size: 'max' }), async (batch) => {
  simulator.requests.length = 0
  app.log.length = 0
  await Promise.all(batch.map(send))
  assert.deepEqual(app.log.filter(({ level }) => Number(level) >= 50), [])
}), { numRuns: BATCHES })

/** What this process holds once nothing runs, and everything that can go is gone. */
async function held(): Promise<number> {
  for (let load = { running: 1, queued: 0 }; load.running + load.queued > 0;) load = await (await app.get('/readyz')).json() as typeof load
  simulator.requests.length = 0
  app.log.length = 0
  collect()
  await new Promise(setImmediate)
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

describe('whatever is sent, to whatever route', () => {
  let middle = 0
  test('gets an answer that the OpenAPI document has for it', async () => {
    await half()
    middle = await held()
  })
  test('and so does as much again, after which the memory is what it was', async () => {
    await half()
    const growth = await held() - middle
    assert.ok(growth < GROWTH_BYTES, `${growth} bytes more`)
  })
  test('and that was more than a knock at the door', () => {
    assert.ok(sent.requests >= 2_000, `${sent.requests} requests`)
    assert.deepEqual([200, 201, 400, 401, 403, 404, 405, 422].filter((status) => !statuses.has(status)), [])
  })
  test('leaves no key but those whose bundles their callers can fetch, from another process too', async () => {
    await app.stop()
    app = await startApp(settings)
    const labels = simulator.labels()
    assert.ok(labels.length > 10, `${labels.length} keys`)
    for (const label of labels) {
      const headers = { authorization: `Bearer ${KEYS[label.startsWith('shop-') ? 'shop' : 'billing']}` }
      const { transactions } = await (await app.get(`${BUNDLES}?label=${label}`, headers)).json() as { transactions: TransactionView[] }
      const made = transactions.find((each) => each.label === label && each.status === 'completed')
      assert.ok(made?.bundle, `nobody has a bundle of ${label}`)
      await assertBundle(await app.get(made.bundle.href, headers), simulator, label)
    }
  })
})
