import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, csrFor, ecKey, outcome, simulatorFor } from './client.ts'

const flags = { sign: true, decrypt: false, unwrap: false }

for (const [what, body, expected] of [
  ['no label', ecKey(''), [400, 600]],
  ['no attributes', ecKey('k', { attributes: null }), [400, 600]],
  ['an attribute that is missing', ecKey('k', { attributes: { sign: true, decrypt: false } }), [400, 606]],
  ['no operation allowed', ecKey('k', { attributes: { ...flags, sign: false } }), [400, 606]],
  ['an extractable key with a policy', ecKey('k', { attributes: { ...flags, extractable: true }, policy: {} }), [400, 606]],
  ['an empty password', ecKey('k', { password: [] }), [400, 600]],
  ['a password of words', ecKey('k', { password: ['secret'] }), [400, 600]],
  ['a wrong RSA size', ecKey('k', { algorithm: 'RSA', keySize: 1234 }), [400, 603]],
  ['no RSA size', ecKey('k', { algorithm: 'RSA' }), [400, 603]],
  ['an unknown algorithm', ecKey('k', { algorithm: 'ROT13' }), [400, 501]],
  ['an algorithm that the simulator has not', ecKey('k', { algorithm: 'AES' }), [400, 611]],
  ['no curve', ecKey('k', { curveOid: null }), [400, 600]],
  ['an unknown curve', ecKey('k', { curveOid: '1.2.3' }), [400, 600]],
  ['a label with a slash', ecKey('a/b'), [400, 610]],
  ['a label that is taken', ecKey('taken'), [400, 608]],
  ['a flag that is text', ecKey('k', { attributes: { ...flags, sign: 'true' } }), [400, 621]],
  ['broken JSON', '{"label":', [400, 621]],
  ['an array', '[]', [400, 621]],
] as const) {
  test(`create-key refuses ${what} and makes nothing`, async (t) => {
    const simulator = await simulatorFor(t)
    await simulator.addKey({ label: 'taken' })
    assert.deepEqual(outcome(await call(simulator, 'POST', '/v1/key', body)), expected)
    assert.deepEqual(simulator.labels(), ['taken'])
  })
}

for (const [what, body, expected] of [
  ['a key that is not there', csrFor('other'), [404, 650]],
  ['no key name', csrFor(''), [400, 600]],
  ['no common name', csrFor('k', { standardCertificateAttributes: { country: 'CH' } }), [400, 411]],
  ['no subject', csrFor('k', { standardCertificateAttributes: null }), [400, 600]],
  ['an unknown signature algorithm', csrFor('k', { signatureAlgorithm: 'SHA256_WITH_RSA_PSS' }), [400, 501]],
  ['a signature algorithm for another kind of key', csrFor('k', { signatureAlgorithm: 'SHA256_WITH_RSA' }), [500, 701]],
  ['an unknown key usage', csrFor('k', { keyUsage: ['NON_REPUDIATION'] }), [400, 501]],
  ['key usages joined to one text', csrFor('k', { keyUsage: 'DIGITAL_SIGNATURE,CONTENT_COMMITMENT' }), [400, 621]],
  ['an unknown extended key usage', csrFor('k', { extendedKeyUsage: ['QUALIFIED'] }), [400, 501]],
  ['a subject with a bare comma', csrFor('k', { standardCertificateAttributes: { commonName: 'Acme, Inc.' } }), [500, 701]],
  ['a subject with a bare plus', csrFor('k', { standardCertificateAttributes: { commonName: 'A+B' } }), [500, 701]],
  ['a key with approvals', csrFor('ska'), [500, 701]],
  ['a key that must not sign', csrFor('mute'), [500, 701]],
  ['a label too long for a file name', csrFor('x'.repeat(196)), [500, 703]],
] as const) {
  test(`certificate-request refuses ${what} and leaves nothing`, async (t) => {
    const simulator = await simulatorFor(t)
    await simulator.addKey({ label: 'k' })
    await simulator.addKey({ label: 'x'.repeat(196) })
    await simulator.addKey({ label: 'mute', flags: { sign: false, decrypt: true } })
    await simulator.addKey({ label: 'ska', policy: { ruleUse: { tokens: [{ name: 'T', timelock: 0, timeout: 0, groups: [] }] } } })
    assert.deepEqual(outcome(await call(simulator, 'POST', '/v1/certificate/synchronous/request', body)), expected)
    assert.deepEqual(simulator.certificates(), [])
    assert.deepEqual(['k', 'mute', 'ska'].map((label) => simulator.key(label).useCount), [0, 0, 0])
  })
}

test('an SKA key without rules can have a CSR', async (t) => {
  const simulator = await simulatorFor(t)
  await call(simulator, 'POST', '/v1/key', ecKey('k', { policy: { ruleUse: null, ruleBlock: null, ruleUnblock: null, ruleModify: null, keyStatus: { blocked: false } } }))
  assert.equal((await call(simulator, 'POST', '/v1/certificate/synchronous/request', csrFor('k'))).status, 200)
})

test('a key that is not destroyable stays', async (t) => {
  const simulator = await simulatorFor(t)
  await simulator.addKey({ label: 'k', flags: { destroyable: false } })
  assert.deepEqual(outcome(await call(simulator, 'POST', '/v1/key/deleteKey', { label: 'k' })), [400, 614])
  assert.deepEqual(outcome(await call(simulator, 'DELETE', '/v1/key/k')), [400, 614])
  assert.deepEqual(simulator.labels(), ['k'])
})

test('an error says code, reason and message', async (t) => {
  const simulator = await simulatorFor(t)
  assert.deepEqual((await call(simulator, 'GET', '/v1/key/a%2Fb/attributes')).json,
    { errorCode: 650, reason: 'res.error.key.not.existent', message: 'Key with name \'a/b\' does not exist.' })
  assert.deepEqual((await call(simulator, 'POST', '/v1/key', ecKey('k', { algorithm: 'ROT13' }))).json,
    { errorCode: 501, reason: 'res.error.invalid.value.for.enum', message: 'Value \'ROT13\' is not valid for field algorithm' })
})

test('what the framework refuses has no code', async (t) => {
  const simulator = await simulatorFor(t)
  assert.deepEqual(outcome(await call(simulator, 'GET', '/v1/nowhere')), [404, undefined])
  assert.deepEqual(outcome(await call(simulator, 'DELETE', '/v1/versionInfo')), [405, undefined])
  assert.deepEqual(outcome(await call(simulator, 'POST', '/v1/key', ecKey('k'), { 'content-type': 'text/plain' })), [415, undefined])
  assert.deepEqual(outcome(await call(simulator, 'GET', '/v1/certificate/%zz')), [400, 610])
})

test('two creates of one label at once make one key', async (t) => {
  const simulator = await simulatorFor(t)
  const replies = await Promise.all([call(simulator, 'POST', '/v1/key', ecKey('k')), call(simulator, 'POST', '/v1/key', ecKey('k'))])
  assert.deepEqual(replies.map(({ status }) => status).sort((a, b) => a - b), [201, 400])
})
