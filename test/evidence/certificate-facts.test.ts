import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { certificateFacts } from '../../src/evidence/certificate-facts.ts'
import { extendedKeyUsage, extension, keyUsage } from '../../src/simulator/extensions.ts'
import { nameOf } from '../../src/simulator/names.ts'
import { subject, verifyCase, type Change } from './good-case.ts'

const factsOf = async (change: Change = {}) => certificateFacts((await verifyCase(change)).evidence)

test('key, subject and usages are those of the CSR, the key attributes those of the attestation', async () => {
  assert.deepEqual(await factsOf({ csr: { extendedKeyUsage: ['CODE_SIGNING', 'CLIENT_AUTH'] }, flags: { decrypt: true } }), {
    algorithm: 'RSA', rsaBits: 2048,
    keyAttributes: { modifiable: false, decrypt: true, unwrap: false, derive: false },
    subject: Object.fromEntries(Object.entries(subject).map(([field, value]) => [field, [value]])),
    furtherSubjectOids: [], keyUsage: ['CONTENT_COMMITMENT'], extendedKeyUsage: ['CODE_SIGNING', 'CLIENT_AUTH'],
  })
})

test('the kind of key is read from the key, whatever was requested', async () => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'secp384r1' })
  const { algorithm, rsaBits, curveOid } = (await factsOf({ csr: ec }))!
  assert.deepEqual([algorithm, rsaBits, curveOid], ['EC', undefined, '1.3.132.0.34'])
  const ed = (await factsOf({ csr: generateKeyPairSync('ed25519') }))!
  assert.deepEqual([ed.algorithm, ed.curveOid], ['ED', '1.3.101.112'])
})

test('every value of an attribute is there, also within one part of the name, and what the TSB has no name for', async () => {
  const name = nameOf(['CN', 'One'], ['2.5.4.5', '1'], ['CN', 'Two'])
  const facts = (await factsOf({ csr: { subject: [...name.slice(0, 2), [...name[2]!, { type: '2.5.4.10', value: 'Acme' }]] } }))!
  assert.deepEqual(facts.subject, { commonName: ['One', 'Two'], organizationName: ['Acme'] })
  assert.deepEqual(facts.furtherSubjectOids, ['2.5.4.5'])
})

test('usages of a second extension are not lost', async () => {
  const second = [keyUsage('CRL_SIGN'), extendedKeyUsage(['ANY_EXTENDED_KEY_USAGE'])]
  const facts = (await factsOf({ csr: { extendedKeyUsage: ['CODE_SIGNING'], extensions: second } }))!
  assert.deepEqual(facts.keyUsage, ['CONTENT_COMMITMENT', 'CRL_SIGN'])
  assert.deepEqual(facts.extendedKeyUsage, ['CODE_SIGNING', 'ANY_EXTENDED_KEY_USAGE'])
})

test('no usages are none', async () => {
  const facts = (await factsOf({ csr: { keyUsage: [] } }))!
  assert.deepEqual([facts.keyUsage, facts.extendedKeyUsage], [[], []])
})

test('an unknown extended key usage is there by its number', async () => {
  const documentSigning = extension('2.5.29.37', true, Buffer.from('300a06082b06010505070324', 'hex'))
  assert.deepEqual((await factsOf({ csr: { extensions: [documentSigning] } }))!.extendedKeyUsage, ['1.3.6.1.5.5.7.3.36'])
})

for (const [name, change] of [
  ['no CSR', { csrText: () => '' }],
  ['no attestation', { xmlText: () => '<private_key/>' }],
  ['a key usage that cannot be read', { csr: { keyUsage: [], extensions: [extension('2.5.29.15', true, Buffer.from([3, 2, 5, 0x40]))] } }],
  ['an extended key usage that cannot be read', { csr: { extensions: [extension('2.5.29.37', true, Buffer.from([4, 0]))] } }],
] satisfies readonly (readonly [string, Change])[]) {
  test(`${name}: there are no facts`, async () => assert.equal(await factsOf(change), undefined))
}
