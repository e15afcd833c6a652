import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Simulator } from '../../src/simulator/simulator.ts'
import { call, csrFor, ecKey, outcome, simulatorFor } from './client.ts'

const secret = ['s', 'e', 'c', 'r', 'e', 't']
const withPassword: Readonly<Record<string, (simulator: Simulator, label: string, password: unknown) => Promise<[number, unknown]>>> = {
  'key-attributes': async (simulator, label, password) => outcome(await call(simulator, 'POST', '/v1/key/attributes', { label, password })),
  'key-attestation': async (simulator, label, password) => outcome(await call(simulator, 'POST', '/v1/key/keyAttestation', { label, password })),
  'certificate-request': async (simulator, label, keyPassword) =>
    outcome(await call(simulator, 'POST', '/v1/certificate/synchronous/request', csrFor(label, { keyPassword }))),
  'delete-key': async (simulator, label, password) => outcome(await call(simulator, 'POST', '/v1/key/deleteKey', { label, password })),
}

for (const [name, send] of Object.entries(withPassword)) {
  test(`${name} takes the right password, as an array or as text, and no other`, async (t) => {
    const simulator = await simulatorFor(t)
    for (const right of [secret, 'secret']) {
      await call(simulator, 'POST', '/v1/key', ecKey('locked', { password: secret }))
      for (const wrong of [undefined, null, ['x'], 'Secret']) assert.deepEqual(await send(simulator, 'locked', wrong), [400, 620])
      assert.deepEqual(await send(simulator, 'locked', []), [400, 600])
      assert.deepEqual(await send(simulator, 'locked', right), [200, undefined])
    }
  })

  test(`${name} refuses a password for a key without one`, async (t) => {
    const simulator = await simulatorFor(t)
    await simulator.addKey({ label: 'open' })
    assert.deepEqual(await send(simulator, 'open', secret), [400, 620])
    assert.deepEqual(simulator.labels(), ['open'])
  })
}

test('the calls that cannot carry a password do not reach a key with one', async (t) => {
  const simulator = await simulatorFor(t)
  await simulator.addKey({ label: 'locked', password: 'secret' })
  assert.deepEqual(outcome(await call(simulator, 'GET', '/v1/key/locked/attributes')), [400, 620])
  assert.deepEqual(outcome(await call(simulator, 'DELETE', '/v1/key/locked')), [400, 620])
})

const apiKeys = { keyManagement: ['m1', 'm2'], keyOperation: ['o1'], service: ['s1'] }
const key = (value: string) => ({ 'x-api-key': value })
const read = (simulator: Simulator, headers: Record<string, string> = {}) => call(simulator, 'POST', '/v1/key/attributes', { label: 'k' }, headers)
const request = (simulator: Simulator, headers: Record<string, string>) =>
  call(simulator, 'POST', '/v1/certificate/synchronous/request', csrFor('k'), headers)

test('wants an API key of the right role', async (t) => {
  const simulator = await simulatorFor(t, { apiKeys })
  await simulator.addKey({ label: 'k' })
  assert.deepEqual(outcome(await read(simulator)), [401, 416])
  assert.deepEqual(outcome(await read(simulator, key('nonsense'))), [401, 631])
  assert.deepEqual(outcome(await read(simulator, key('o1'))), [401, 631])
  for (const right of ['m1', 'm2']) assert.equal((await read(simulator, key(right))).status, 200)
  assert.deepEqual(outcome(await call(simulator, 'GET', '/v1/versionInfo', undefined, key('m1'))), [401, 631])
  assert.equal((await call(simulator, 'GET', '/v1/versionInfo', undefined, key('s1'))).status, 200)
})

test('the role of the certificate calls is a matter of version', async (t) => {
  const newer = await simulatorFor(t, { apiKeys })
  const older = await simulatorFor(t, { apiKeys, certificateRole: 'operation' })
  for (const simulator of [newer, older]) await simulator.addKey({ label: 'k' })
  assert.equal((await request(newer, key('m1'))).status, 200)
  assert.deepEqual(outcome(await request(newer, key('o1'))), [401, 631])
  assert.deepEqual(outcome(await request(older, key('m1'))), [401, 631])
  assert.equal((await request(older, key('o1'))).status, 200)
  assert.deepEqual(older.certificates(), ['k'])
})

test('the answer to a wrong role can be another one', async (t) => {
  const forbidding = await simulatorFor(t, { apiKeys, wrongRole: { status: 403 } })
  const reply = await read(forbidding, key('o1'))
  assert.deepEqual([reply.status, reply.bytes.length], [403, 0])
  assert.deepEqual(outcome(await read(forbidding, key('nonsense'))), [401, 631])
  const coded = await simulatorFor(t, { apiKeys, wrongRole: { status: 403, errorCode: 400 } })
  assert.deepEqual(outcome(await read(coded, key('o1'))), [403, 400])
})

test('a role without keys needs none', async (t) => {
  const simulator = await simulatorFor(t, { apiKeys: { keyManagement: ['m1'] } })
  assert.equal((await call(simulator, 'GET', '/v1/versionInfo')).status, 200)
  assert.deepEqual(outcome(await read(simulator)), [401, 416])
})

test('wants the bearer token when it has one', async (t) => {
  const simulator = await simulatorFor(t, { bearerToken: 'jwt' })
  assert.deepEqual(outcome(await read(simulator)), [401, 406])
  assert.deepEqual(outcome(await read(simulator, { authorization: 'Bearer other' })), [401, 617])
  assert.deepEqual(outcome(await read(simulator, { authorization: 'Bearer jwt' })), [404, 650])
})

test('without the REST_API licence only the service calls work', async (t) => {
  const simulator = await simulatorFor(t, { clientFlags: ['TSB_ENGINE'] })
  assert.deepEqual(outcome(await read(simulator)), [403, 451])
  assert.deepEqual((await call(simulator, 'GET', '/v1/licenseInfo')).json, { clientFlags: ['TSB_ENGINE'] })
})
