import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, beforeEach, describe, test } from 'node:test'
import { order, startService, type Service } from '../support/service.ts'

let service: Service
before(async () => { service = await startService() })
after(() => service.stop())
beforeEach(() => { service.simulator.requests.length = 0 })

const attributes = { sign: true, extractable: false, modifiable: false, destroyable: true, sensitive: true, copyable: false, decrypt: false,
  unwrap: false, derive: false }
const subject = { commonName: 'Example Seal', country: 'CH', organizationName: 'Example AG' }
const LOOK = '/v1/key/attributes'
const CREATE = '/v1/key'
const CSR = '/v1/certificate/synchronous/request'
const EXPORT = '/v1/key/keyAttestation'

/** Posts an order and gives what the TSB was sent for it; the version query comes once per process and is left out. */
async function sentFor(body: unknown): Promise<[string, string, unknown][]> {
  const answer = await service.post(body)
  assert.equal(answer.status, 201, answer.status === 201 ? '' : await answer.text())
  return service.simulator.requests.filter(({ call }) => call !== 'version-info').map(({ method, path, body: sent }) => [method, path, sent])
}

describe('what the TSB is sent', () => {
  test('the seed\'s bodies go out as they came, with every attribute stated', async () => {
    const seed = JSON.parse(await readFile(new URL('../../examples/request.json', import.meta.url), 'utf8')) as { key: Record<string,
      unknown>; csr: Record<string, unknown> }
    const key = { label: 'seal-2026-01', password: [...'REPLACE'] }
    assert.deepEqual(await sentFor(seed), [
      ['POST', LOOK, key],
      ['POST', CREATE, { ...seed.key, attributes: { ...attributes, modifiable: true } }],
      ['POST', CSR, seed.csr],
      ['POST', EXPORT, key],
    ])
  })

  test('an EC key without a password', async () => {
    assert.deepEqual(await sentFor(order('sent-ec')), [
      ['POST', LOOK, { label: 'sent-ec' }],
      ['POST', CREATE, { label: 'sent-ec', algorithm: 'EC', curveOid: '1.2.840.10045.3.1.7', attributes }],
      ['POST', CSR, {
        signKeyName: 'sent-ec', signatureAlgorithm: 'SHA256_WITH_ECDSA', validity: 365, standardCertificateAttributes: subject,
          keyUsage: ['DIGITAL_SIGNATURE'],
      }],
      ['POST', EXPORT, { label: 'sent-ec' }],
    ])
  })

  test('an Ed25519 key with a password in a string', async () => {
    const password = [...'s e"c\\']
    assert.deepEqual(await sentFor(order('sent-ed', { algorithm: 'ED', curveOid: '1.3.101.112', password: 's e"c\\' },
      { keyUsage: ['CONTENT_COMMITMENT'], validity: 30 })), [
      ['POST', LOOK, { label: 'sent-ed', password }],
      ['POST', CREATE, { label: 'sent-ed', password, algorithm: 'ED', curveOid: '1.3.101.112', attributes }],
      ['POST', CSR, {
        signKeyName: 'sent-ed', keyPassword: password, signatureAlgorithm: 'EDDSA', validity: 30, standardCertificateAttributes: subject,
          keyUsage: ['CONTENT_COMMITMENT'],
      }],
      ['POST', EXPORT, { label: 'sent-ed', password }],
    ])
  })

  test('an RSA key with all attributes, and empty usages left out', async () => {
    const flags = { modifiable: true, decrypt: true, unwrap: true, derive: true }
    const sent = await sentFor({
      key: { label: 'sent-rsa', keySize: 2048, attributes: flags },
        csr: { standardCertificateAttributes: { commonName: 'Z\u00fcrich' }, keyUsage: [], extendedKeyUsage: [] },
    })
    assert.deepEqual(sent.map(([, path]) => path), [LOOK, CREATE, CSR, EXPORT])
    assert.deepEqual(sent[1]?.[2], { label: 'sent-rsa', algorithm: 'RSA', keySize: 2048, attributes: { ...attributes, ...flags } })
    assert.deepEqual(sent[2]?.[2], { signKeyName: 'sent-rsa', signatureAlgorithm: 'SHA256_WITH_RSA', validity: 365,
      standardCertificateAttributes: { commonName: 'Z\u00fcrich' } })
  })

  test('a prefix becomes a label with the transaction\'s id, everywhere the same', async () => {
    const sent = await sentFor(order('unused', { label: undefined, labelPrefix: 'sent-prefix' }))
    const [create, csr, attestation] = sent.map(([, , body]) => body as Record<string, unknown>)
    assert.match(String(create?.['label']), /^sent-prefix-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    assert.deepEqual([csr?.['signKeyName'], attestation], [create?.['label'], { label: create?.['label'] }])
  })

  test('null stands for no password', async () => {
    const sent = await sentFor(order('sent-null', { password: null, policy: null }, { keyPassword: null }))
    for (const [, , body] of sent) for (const name of ['password', 'keyPassword', 'policy']) assert.equal(name in (body as object), false)
  })
})
