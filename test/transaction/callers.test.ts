import assert from 'node:assert/strict'
import { request as httpRequest, type ClientRequest } from 'node:http'
import { after, afterEach, before, describe, test } from 'node:test'
import { order, startService, type Service } from '../support/service.ts'

const ended = (label: string) => (line: Readonly<Record<string, unknown>>): boolean => line['label'] === label && typeof line['outcome'] === 'string'
const calls = (name: string) => (line: Readonly<Record<string, unknown>>): boolean => line['call'] === name && line['msg'] === 'TSB call'

/** A POST over a socket of its own, which a test can cut. */
function open(service: Service, body: unknown, headers: Record<string, string> = {}): ClientRequest {
  const request = httpRequest(`${service.url}/v1/attestation-bundles`, { method: 'POST', agent: false, headers: { 'content-type': 'application/json', ...headers } })
  request.on('error', () => {})
  request.end(JSON.stringify(body))
  return request
}

describe('a caller who goes away before the commit', () => {
  let service: Service
  before(async () => { service = await startService() })
  after(() => service.stop())
  afterEach(() => { service.log.length = 0 })

  test('leaves no key where it sent no Idempotency-Key', async () => {
    service.simulator.faults.set('certificate-request', { kind: 'slow', delayMs: 500 })
    const request = open(service, order('gone-1'))
    await service.logged(calls('create-key'))
    request.destroy()
    const line = await service.logged(ended('gone-1'))
    assert.deepEqual([line['outcome'], line['code'], line['rollback']], ['failed', 'caller-left', 'done'])
    assert.deepEqual(service.simulator.labels(), [])
  })

  test('finds the bundle again where it sent one', async () => {
    service.simulator.faults.set('certificate-request', { kind: 'slow', delayMs: 500 })
    const request = open(service, order('gone-2'), { 'idempotency-key': 'gone-2' })
    await service.logged(calls('create-key'))
    request.destroy()
    await service.logged(ended('gone-2'))
    const again = await service.post(order('gone-2'), { 'idempotency-key': 'gone-2' })
    assert.deepEqual([again.status, again.headers.get('idempotency-replayed')], [200, 'true'])
    assert.deepEqual(service.simulator.labels(), ['gone-2'])
  })

  test('is not taken for gone only because its body was read: a slow transaction still answers', async () => {
    service.simulator.faults.set('key-attestation', { kind: 'slow', delayMs: 300 })
    assert.equal((await service.post(order('waiting'))).status, 201)
  })
})

describe('the limits', () => {
  let service: Service
  before(async () => { service = await startService({ env: { MAX_TRANSACTIONS: '1', MAX_QUEUED: '1' } }) })
  after(() => service.stop())

  test('make one wait, refuse the next at once, and let the first two finish', async () => {
    const replayed = { 'idempotency-key': 'limit-0' }
    assert.equal((await service.post(order('limit-0'), replayed)).status, 201)
    service.log.length = 0
    service.simulator.faults.set('certificate-request', { kind: 'slow', delayMs: 400 })
    const first = service.post(order('limit-1'))
    await service.logged(calls('create-key'))
    const second = service.post(order('limit-2'))
    const queued = async (): Promise<number> => (await (await service.get('/readyz')).json() as { queued: number }).queued
    while (await queued() === 0);
    const third = await service.post(order('limit-3'))
    assert.equal(third.status, 503)
    assert.ok(third.headers.get('retry-after'))
    assert.equal((await third.json() as { code: string }).code, 'overloaded')
    // A bundle that is there already needs no place.
    assert.equal((await service.post(order('limit-0'), replayed)).status, 200)
    assert.deepEqual([(await first).status, (await second).status], [201, 201])
  })
})

describe('one label', () => {
  let service: Service
  before(async () => { service = await startService() })
  after(() => service.stop())

  test('is given once, however many ask at the same time, in whatever case', async () => {
    const answers = await Promise.all(['race', 'RACE', 'Race', 'race', 'rAcE'].map((label) => service.post(order(label))))
    assert.deepEqual(answers.map((answer) => answer.status).sort(), [201, 409, 409, 409, 409])
    assert.equal(service.simulator.labels().length, 1)
  })

  test('names the bundle where the same caller made it before', async () => {
    const first = await service.post(order('named'))
    const second = await service.post(order('named'))
    assert.equal((await second.json() as { existing: string }).existing, first.headers.get('location'))
  })
})

describe('the lease of a transaction', () => {
  let service: Service
  before(async () => { service = await startService({ env: { LEASE_MS: '1000' } }) })
  after(() => service.stop())

  test('is renewed while it waits for the TSB', async () => {
    service.simulator.faults.set('certificate-request', { kind: 'slow', delayMs: 2_500 })
    assert.equal((await service.post(order('long'))).status, 201)
  })
})

describe('the deadline of a transaction', () => {
  let service: Service
  before(async () => { service = await startService({ env: { TRANSACTION_TIMEOUT_MS: '300' } }) })
  after(() => service.stop())

  test('ends it and takes the key back', async () => {
    service.simulator.faults.set('certificate-request', { kind: 'hang-before', times: Infinity })
    const answer = await service.post(order('deadline'))
    const problem = await answer.json() as { code: string; transaction: { rollback: string } }
    assert.deepEqual([answer.status, problem.code, problem.transaction.rollback], [504, 'tsb-timeout', 'done'])
    assert.deepEqual(service.simulator.labels(), [])
  })
})
