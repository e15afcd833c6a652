import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { test } from 'node:test'
import { startSimulator, type Fault, type Simulator } from '../../src/simulator/simulator.ts'
import { call, csrFor, ecKey, outcome, sharedPki, simulatorFor } from './client.ts'

const create = (simulator: Simulator) => call(simulator, 'POST', '/v1/key', ecKey('k'))

/** Sends a create-key and does not wait for the answer; tells when the connection is gone. */
function sendAndLeave(simulator: Simulator): { closed: Promise<void>; leave: () => void } {
  const request = httpRequest(`${simulator.url}/v1/key`, { method: 'POST', headers: { 'content-type': 'application/json' } })
  request.on('error', () => undefined)
  request.end(JSON.stringify(ecKey('k')))
  return { closed: new Promise((resolve) => { request.on('close', () => { resolve() }) }), leave: () => { request.destroy() } }
}

for (const [fault, expected, labels] of [
  [{ kind: 'status', status: 409, body: { errorCode: 608 } }, [409, 608], []],
  [{ kind: 'status-after', status: 500, body: { errorCode: 701, message: 'Could not persist public key.' } }, [500, 701], ['k']],
  [{ kind: 'unauthorized-bare' }, [401, undefined], []],
  [{ kind: 'not-found-bare' }, [404, undefined], []],
  [{ kind: 'hsm-error' }, [500, 701], []],
  [{ kind: 'unavailable' }, [503, undefined], []],
  [{ kind: 'empty-body' }, [201, undefined], ['k']],
  [{ kind: 'garbage' }, [200, undefined], ['k']],
  [{ kind: 'wrong-content' }, [200, undefined], ['k']],
  [{ kind: 'html' }, [200, undefined], ['k']],
  [{ kind: 'redirect' }, [302, undefined], []],
  [{ kind: 'slow', delayMs: 1 }, [201, undefined], ['k']],
] as const satisfies readonly (readonly [Fault, unknown, unknown])[]) {
  test(`the fault ${fault.kind} answers ${String(expected[0])} and ${labels.length === 0 ? 'does nothing' : 'acts'}`, async (t) => {
    const simulator = await simulatorFor(t)
    simulator.faults.set('create-key', fault)
    assert.deepEqual(outcome(await create(simulator)), expected)
    assert.deepEqual(simulator.labels(), labels)
  })
}

for (const [kind, labels] of [['reset-before', []], ['reset-after', ['k']], ['truncated-body', ['k']]] as const) {
  test(`the fault ${kind} breaks the connection and ${labels.length === 0 ? 'does nothing' : 'acts'}`, async (t) => {
    const simulator = await simulatorFor(t)
    simulator.faults.set('create-key', { kind })
    await assert.rejects(create(simulator), TypeError)
    assert.deepEqual(simulator.labels(), labels)
    assert.equal(simulator.requests.length, 1)
  })
}

test('the fault hang-before never answers and does nothing; close cuts it off', async () => {
  const simulator = await startSimulator({ pki: sharedPki })
  simulator.faults.set('create-key', { kind: 'hang-before' })
  const arrived = simulator.next('create-key')
  const { closed } = sendAndLeave(simulator)
  await arrived
  await simulator.close()
  await closed
  assert.deepEqual(simulator.labels(), [])
})

test('the fault hang-after acts and never answers', async (t) => {
  const simulator = await simulatorFor(t)
  simulator.faults.set('create-key', { kind: 'hang-after' })
  const acted = simulator.next('create-key', 'acted')
  const { closed, leave } = sendAndLeave(simulator)
  assert.deepEqual((await acted).body, ecKey('k'))
  assert.deepEqual(simulator.labels(), ['k'])
  leave()
  await closed
})

test('the fault late acts when it is let go, long after the caller has left', async (t) => {
  const simulator = await simulatorFor(t)
  simulator.faults.set('create-key', { kind: 'late' })
  const arrived = simulator.next('create-key')
  const { closed, leave } = sendAndLeave(simulator)
  await arrived
  leave()
  await closed
  assert.deepEqual(outcome(await call(simulator, 'POST', '/v1/key/attributes', { label: 'k' })), [404, 650])
  const acted = simulator.next('create-key', 'acted')
  await simulator.releaseLate()
  await acted
  assert.deepEqual(simulator.labels(), ['k'])
  await simulator.releaseLate()
  assert.deepEqual(outcome(await call(simulator, 'POST', '/v1/key/attributes', { label: 'k' })), [200, undefined])
})

test('the fault huge sends more than anyone wants', async (t) => {
  const simulator = await simulatorFor(t)
  simulator.faults.set('version-info', { kind: 'huge' })
  const response = await fetch(`${simulator.url}/v1/versionInfo`)
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  let received = 0
  while (received < 8 * 1024 * 1024) received += (await reader.read()).value?.length ?? 0
  await reader.cancel()
  assert.equal((await call(simulator, 'GET', '/v1/versionInfo')).status, 200)
})

test('a redirect goes to the simulator itself unless told otherwise', async (t) => {
  const simulator = await simulatorFor(t)
  simulator.faults.set('create-key', { kind: 'redirect' }, { kind: 'redirect', location: 'http://example.invalid/' })
  assert.equal((await create(simulator)).headers.get('location'), '/elsewhere')
  assert.equal((await create(simulator)).headers.get('location'), 'http://example.invalid/')
})

test('garbage in place of a file is bytes, and wrong content is JSON', async (t) => {
  const simulator = await simulatorFor(t)
  await simulator.addKey({ label: 'k' })
  simulator.faults.set('key-attestation', { kind: 'garbage' }, { kind: 'wrong-content' })
  const garbage = await call(simulator, 'POST', '/v1/key/keyAttestation', { label: 'k' })
  assert.equal(garbage.bytes.length, 512)
  assert.deepEqual((await call(simulator, 'POST', '/v1/key/keyAttestation', { label: 'k' })).json, { unexpected: ['content'] })
})

test('a fault lets calls pass, meets some, and is over', async (t) => {
  const simulator = await simulatorFor(t)
  simulator.faults.set('version-info', { kind: 'unavailable', skip: 1, times: 2 }, { kind: 'unauthorized-bare' })
  const statuses: number[] = []
  for (let count = 0; count < 5; count += 1) statuses.push((await call(simulator, 'GET', '/v1/versionInfo')).status)
  assert.deepEqual(statuses, [200, 503, 503, 401, 200])
})

test('a fault without end lasts until it is cleared, and meets its own call only', async (t) => {
  const simulator = await simulatorFor(t)
  simulator.faults.set('delete-key', { kind: 'hsm-error', times: Infinity })
  await simulator.addKey({ label: 'k' })
  for (const path of ['/v1/key/k', '/v1/key/k']) assert.deepEqual(outcome(await call(simulator, 'DELETE', path)), [500, 701])
  assert.equal((await call(simulator, 'POST', '/v1/certificate/synchronous/request', csrFor('k'))).status, 200)
  simulator.faults.clear('delete-key')
  assert.equal((await call(simulator, 'DELETE', '/v1/key/k')).status, 200)
})

test('next tells of a call that arrives, of one that was acted on even when it was refused, and not of what came before', async (t) => {
  const simulator = await simulatorFor(t)
  await create(simulator)
  const stages: string[] = []
  const second = simulator.next('create-key').then(() => stages.push('arrived'))
  const acted = simulator.next('create-key', 'acted').then(() => stages.push('acted'))
  const looked = simulator.next('key-attributes')
  assert.deepEqual(stages, [])
  assert.deepEqual(outcome(await create(simulator)), [400, 608])
  await Promise.all([second, acted])
  assert.deepEqual(stages, ['arrived', 'acted'])
  await call(simulator, 'POST', '/v1/key/attributes', { label: 'k' })
  assert.deepEqual((await looked).body, { label: 'k' })
})

test('faults under a label meet calls for labels that begin so, before the faults of all calls, and are set and cleared apart', async (t) => {
  const simulator = await simulatorFor(t)
  for (const label of ['a-1', 'a-2', 'b']) await simulator.addKey({ label })
  const attributes = async (label: string) => (await call(simulator, 'POST', '/v1/key/attributes', { label })).status
  const csr = async (label: string) => (await call(simulator, 'POST', '/v1/certificate/synchronous/request', csrFor(label))).status
  simulator.faults.set('key-attributes', { kind: 'unauthorized-bare', times: Infinity })
  simulator.faults.under('a-').set('key-attributes', { kind: 'unavailable', times: 2 })
  simulator.faults.under('a-').set('certificate-request', { kind: 'unavailable' })
  assert.deepEqual([await attributes('a-1'), await attributes('b'), await attributes('a-2'), await attributes('a-1')], [503, 401, 503, 401])
  assert.deepEqual([await csr('b'), await csr('a-1'), await csr('a-1')], [200, 503, 200])
  simulator.faults.under('a-').set('delete-key', { kind: 'unavailable' })
  simulator.faults.clear()
  assert.equal((await call(simulator, 'DELETE', '/v1/key/a-1')).status, 503)
  simulator.faults.under('a-').set('delete-key', { kind: 'unavailable' })
  simulator.faults.under('a-').clear()
  assert.equal((await call(simulator, 'DELETE', '/v1/key/a-1')).status, 200)
})

test('what is late can be let go for one label, and the rest stays late', async (t) => {
  const simulator = await simulatorFor(t)
  simulator.faults.set('create-key', { kind: 'late', times: 2 })
  for (const label of ['a-1', 'b']) {
    const arrived = simulator.next('create-key')
    void call(simulator, 'POST', '/v1/key', ecKey(label)).catch(() => undefined)
    await arrived
  }
  await simulator.releaseLate('a-')
  assert.deepEqual(simulator.labels(), ['a-1'])
  await simulator.releaseLate()
  assert.deepEqual(simulator.labels(), ['a-1', 'b'])
})
