import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import { certificateRequestRequest, readCertificateRequestAnswer } from '../../src/tsb/certificate-request.ts'
import { createKeyRequest, readCreateKeyAnswer, type CreateKeyBody } from '../../src/tsb/create-key.ts'
import { deleteCertificateRequest } from '../../src/tsb/delete-certificate.ts'
import { deleteKeyRequest } from '../../src/tsb/delete-key.ts'
import type { TsbAnswer } from '../../src/tsb/http.ts'
import { keyAttestationRequest, readKeyAttestationAnswer } from '../../src/tsb/key-attestation.ts'
import { keyAttributesRequest, readKeyAttributesAnswer } from '../../src/tsb/key-attributes.ts'
import { TsbError, type TsbCall } from '../../src/tsb/tsb-error.ts'
import { compareVersions, readVersionInfoAnswer, versionInfoRequest } from '../../src/tsb/version-info.ts'

const answerOf = (body: unknown, status = 200): TsbAnswer => ({ status,
  body: Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) })

/** A 2xx that can't be read: the TSB may well have acted, so the effect is unknown; asking again would say the same, so it is not passing. */
function assertUnreadable(read: (answer: TsbAnswer) => unknown, answer: TsbAnswer, call: TsbCall): void {
  assert.throws(() => read(answer), (error) => {
    assert.ok(error instanceof TsbError)
    assert.deepEqual([error.call, error.code, error.effect, error.transient, error.extras.upstream],
      [call, 'tsb-invalid-response', 'unknown', false, { status: answer.status }])
    return true
  })
}

const spki = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey.export({ type: 'spki', format: 'der' })
const described = {
  label: 'seal-01', id: null, algorithm: 'EC', algorithmOid: '1.2.840.10045.2.1', curveOid: '1.2.840.10045.3.1.7', keySize: null, keyUsageCount: 0,
  createTime: '2026-01-01T10:00:00Z', attestTime: '2026-01-01T10:00:01Z', publicKey: spki.toString('base64'), addressTruncated: null,
  attributes: { sign: true, ekaSign: null, extractable: false }, policy: null,
}
const signed = { xml: '<x/>', json: described, xmlSignature: 'AAAA', attestationKeyName: 'attestation-key' }

describe('SignedKeyAttributes', () => {
  for (const [call, read] of [['create-key', readCreateKeyAnswer], ['key-attributes', readKeyAttributesAnswer]] as const) {
    test(`${call}: the key is read, its public key as bytes`, () => {
      const key = read(answerOf(signed, 201))
      assert.deepEqual(key.publicKey, spki)
      assert.deepEqual([key.label, key.algorithm, key.curveOid, key.keySize, key.keyUsageCount], ['seal-01', 'EC', '1.2.840.10045.3.1.7', null, 0])
    })
    test(`${call}: label and public key are enough, members of other versions and types are welcome`, () => {
      const { label, publicKey } = described
      assert.deepEqual(read(answerOf({ json: { label, publicKey } })), { label, publicKey: spki })
      const other = { ...described, uuid: 'new', keySize: '2048', createTime: 7, attributes: null }
      assert.equal(read(answerOf({ json: other, rotated: true })).label, 'seal-01')
    })
    const unreadable: readonly [string, unknown][] = [
      ['an empty body', ''], ['broken JSON', '{"json":'], ['an HTML page', '<html>ok</html>'], ['null', null], ['an array', []],
        ['text', '"seal-01"'],
      ['no json member', { ...signed, json: undefined }], ['json null', { ...signed, json: null }],
      ['a public key that is no base64', { json: { ...described, publicKey: '-----BEGIN' } }],
        ['an empty public key', { json: { ...described, publicKey: '' } }],
      ['no label', { json: { ...described, label: undefined } }], ['a label that is no text', { json: { ...described, label: 1 } }],
    ]
    for (const [name, body] of unreadable) test(`${call}: ${name} may hide a key that exists`,
      () => assertUnreadable(read, answerOf(body, 201), call))
  }
  for (const publicKey of [undefined, null]) {
    const symmetric = answerOf({ json: { ...described, publicKey } }, 201)
    test(`key-attributes: a key whose public key is ${publicKey} is a key (a symmetric one)`, () => assert.equal(readKeyAttributesAnswer(symmetric).label, 'seal-01'))
    test(`create-key: a public key that is ${publicKey} may hide a key that exists`, () => assertUnreadable(readCreateKeyAnswer, symmetric, 'create-key'))
  }
})

describe('the CSR answer', () => {
  const pem = '-----BEGIN NEW CERTIFICATE REQUEST-----\nMIIB\n-----END NEW CERTIFICATE REQUEST-----\n'
  const readable: readonly [string, unknown][] = [
    ['certificateSigningRequest', { label: 'seal-01', certificateSigningRequest: pem }], ['csr', { csr: pem }], ['the raw body', pem],
    ['the other where the first is null', { certificateSigningRequest: null, csr: pem }],
  ]
  for (const [name, body] of readable) test(`is read from ${name}`, () => assert.equal(readCertificateRequestAnswer(answerOf(body)), pem))
  test('keeps what stands around the PEM: that is for the checks',
    () => assert.equal(readCertificateRequestAnswer(answerOf({ csr: `\n ${pem}x` })), `\n ${pem}x`))
  for (const body of ['', '<html></html>', 'MIIB', '{}', '{"csr":"MIIB"}', '{"csr":["-----BEGIN "]}', 'null',
    { certificateSigningRequest: 'text -----BEGIN ' }]) {
    test(`holds no PEM in ${JSON.stringify(body)}`, () => assertUnreadable(readCertificateRequestAnswer, answerOf(body), 'certificate-request'))
  }
})

describe('the export', () => {
  test('what begins like a zip is handed on as it is, good or bad', () => {
    const bytes = Buffer.concat([Buffer.from('PK\u0003\u0004', 'latin1'), Buffer.from('not really a zip')])
    assert.ok(bytes.equals(readKeyAttestationAnswer(answerOf(bytes))))
  })
  for (const [name, body] of [['nothing', ''], ['JSON', '{"errorCode":701}'], ['a page', '<html>'],
    ['an empty zip', Buffer.from('PK\u0005\u0006', 'latin1')], ['three bytes', 'PK\u0003']] as const) {
    test(`${name} is no zip`, () => assertUnreadable(readKeyAttestationAnswer, answerOf(body), 'key-attestation'))
  }
})

describe('the version', () => {
  const readable: readonly [string, readonly [number, number, number]][] = [
    ['2.5.1', [2, 5, 1]], ['1.17.1.20231211T114600', [1, 17, 1]], ['2.1.0', [2, 1, 0]], ['3.0', [3, 0, 0]], ['2.5.1-SNAPSHOT', [2, 5, 1]],
      ['2.5-rc1', [2, 5, 0]], ['10.20.30', [10, 20, 30]],
  ]
  for (const [text, numbers] of readable) {
    test(`${text} is ${numbers.join(' ')}`, () => assert.deepEqual(readVersionInfoAnswer(answerOf({ Version: text,
      Vendor: 'Securosys SA' })), { text, numbers }))
  }
  for (const body of ['', '<html>', 'null', '"2.5.1"', { version: '2.5.1' }, { Version: 2.5 }, { Version: '2' }, { Version: 'v2.5.1' },
    { Version: '' }, { Version: '1234567.1.1' }, []]) {
    test(`there is no version in ${JSON.stringify(body)}`, () => assertUnreadable(readVersionInfoAnswer, answerOf(body), 'version-info'))
  }
  test('an endless version is cut', () => assert.equal(readVersionInfoAnswer(answerOf({ Version: `2.5.1.${'x'.repeat(500)}` })).text.length, 60))

  const compared: readonly [string, number][] = [['1.17.1', 0], ['1.17.0', -1], ['1.16.9', -1], ['0.99.99', -1], ['1.17.2', 1],
    ['1.18.0', 1], ['2.0.0', 1], ['1.9.1', -1], ['1.100.0', 1], ['1.17', -1], ['1.17.1.20231211T114600', 0]]
  for (const [text, sign] of compared) {
    test(`${text} is ${['older than', 'the same as', 'newer than'][sign + 1]} 1.17.1`, () => {
      assert.equal(Math.sign(compareVersions(readVersionInfoAnswer(answerOf({ Version: text })), [1, 17, 1])), sign)
    })
  }
})

describe('the requests', () => {
  const attributes = { sign: true, extractable: false, sensitive: true, copyable: false, modifiable: false, destroyable: true,
    decrypt: false, unwrap: false, derive: false } as const
  const key = { label: 'seal-01', password: ['a', 'b'] }
  const body: CreateKeyBody = { ...key, algorithm: 'RSA', keySize: 2048, attributes }

  test('what cannot be called back goes out on a connection of its own: create-key and delete-key', () => {
    assert.deepEqual(createKeyRequest(body, 7), { call: 'create-key', method: 'POST', path: '/v1/key', body, timeoutMs: 7,
      maxBytes: 262_144, ownConnection: true })
    const others = [keyAttributesRequest(key, 7), keyAttestationRequest(key, 7), deleteKeyRequest(key, 7),
      deleteCertificateRequest('seal-01', 7), versionInfoRequest(7),
      certificateRequestRequest({ signKeyName: 'seal-01', signatureAlgorithm: 'SHA256_WITH_RSA', validity: 1, standardCertificateAttributes: {} }, 7)]
    assert.deepEqual(others.filter(({ ownConnection }) => ownConnection).map(({ call }) => call), ['delete-key'])
    assert.deepEqual(others.map(({ method, path }) => `${method} ${path}`), [
      'POST /v1/key/attributes', 'POST /v1/key/keyAttestation', 'POST /v1/key/deleteKey', 'DELETE /v1/certificate/seal-01', 'GET /v1/versionInfo',
      'POST /v1/certificate/synchronous/request',
    ])
  })
  test('calls on a key send label and password, and no empty password', () => {
    for (const request of [keyAttributesRequest, keyAttestationRequest, deleteKeyRequest]) {
      assert.deepEqual(request(key, 7).body, key)
      assert.deepEqual(request({ label: 'seal-01' }, 7).body, { label: 'seal-01' })
    }
  })
  test('a label in a path is percent-encoded', () => assert.equal(deleteCertificateRequest('a/../b c', 7).path, '/v1/certificate/a%2F..%2Fb%20c'))
})
