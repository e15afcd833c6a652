import assert from 'node:assert/strict'
import { createPublicKey, verify, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import JSZip from 'jszip'
import { call, csrFor, ecKey, outcome, simulatorFor } from './client.ts'
import { openssl } from './openssl.ts'

interface Attributes {
  readonly json: { readonly publicKey: string; readonly keyUsageCount: number; readonly attributes: Record<string, unknown>; readonly [field: string]: unknown }
  readonly xml: string
  readonly xmlSignature: string
  readonly attestationKeyName: string
}

test('makes a key and answers its signed attributes', async (t) => {
  const simulator = await simulatorFor(t, { clock: () => new Date('2026-11-23T10:00:00.700Z') })
  const { status, json } = await call(simulator, 'POST', '/v1/key', ecKey('seal-1'))
  assert.equal(status, 201)
  const answer = json as Attributes
  const spki = simulator.publicKey('seal-1').export({ type: 'spki', format: 'der' }).toString('base64')
  assert.deepEqual(answer.json, {
    label: 'seal-1', id: null, uuid: null, algorithm: 'EC', algorithmOid: '1.2.840.10045.2.1', curveOid: '1.2.840.10045.3.1.7', derivedAttributes: null,
    keySize: null, keyUsageCount: 0, createTime: '2026-11-23T10:00:00Z', attestTime: '2026-11-23T10:00:00Z', publicKey: spki, addressTruncated: null,
    attributes: {
      decrypt: false, sign: true, ekaSign: null, unwrap: false, derive: false, sensitive: true, alwaysSensitive: true, extractable: false,
      neverExtractable: true, modifiable: false, copyable: false, destroyable: true,
    },
    policy: null,
  })
  assert.equal(answer.attestationKeyName, 'attestation-key')
  assert.ok(verify('sha256', Buffer.from(answer.xml), simulator.pki.leaf.publicKey, Buffer.from(answer.xmlSignature, 'base64')))
  assert.match(answer.xml, /<label>seal-1<\/label>/)
})

test('the defaults of absent attributes are the TSB’s', async (t) => {
  const simulator = await simulatorFor(t)
  const { json } = await call(simulator, 'POST', '/v1/key', ecKey('k', { attributes: { sign: true, decrypt: false, unwrap: false } }))
  const { modifiable, destroyable, copyable, derive, extractable, sensitive } = (json as Attributes).json.attributes
  assert.deepEqual({ modifiable, destroyable, copyable, derive, extractable, sensitive },
    { modifiable: true, destroyable: false, copyable: false, derive: false, extractable: false, sensitive: true })
})

for (const [kind, request, expected] of [
  ['RSA', { algorithm: 'RSA', keySize: 2048, curveOid: null }, { algorithm: 'RSA', keySize: 2048, curveOid: null }],
  ['Ed25519', { algorithm: 'ED', curveOid: '1.3.101.112' }, { algorithm: 'ED', keySize: null, curveOid: null }],
  ['brainpool', { algorithm: 'EC', curveOid: '1.3.36.3.3.2.8.1.1.11' }, { algorithm: 'EC', keySize: null, curveOid: '1.3.36.3.3.2.8.1.1.11' }],
  ['an algorithm by its identifier', { algorithm: null, algorithmOid: '1.2.840.10045.2.1', curveOid: '1.3.132.0.35' }, { algorithm: 'EC', keySize: null, curveOid: '1.3.132.0.35' }],
] as const) {
  test(`makes keys: ${kind}`, async (t) => {
    const simulator = await simulatorFor(t)
    const { status, json } = await call(simulator, 'POST', '/v1/key', ecKey('k', request))
    assert.equal(status, 201)
    const { algorithm, keySize, curveOid, publicKey } = (json as Attributes).json
    assert.deepEqual({ algorithm, keySize, curveOid }, expected)
    assert.ok(createPublicKey({ key: Buffer.from(publicKey, 'base64'), type: 'spki', format: 'der' }))
  })
}

test('reads attributes both ways, with a fresh time', async (t) => {
  let now = new Date('2026-11-23T10:00:00Z')
  const simulator = await simulatorFor(t, { clock: () => now })
  await call(simulator, 'POST', '/v1/key', ecKey('k'))
  now = new Date('2026-11-23T10:00:09Z')
  for (const reply of [await call(simulator, 'POST', '/v1/key/attributes', { label: 'k' }), await call(simulator, 'GET', '/v1/key/k/attributes')]) {
    assert.equal(reply.status, 200)
    const { createTime, attestTime } = (reply.json as Attributes).json
    assert.deepEqual([createTime, attestTime], ['2026-11-23T10:00:00Z', '2026-11-23T10:00:09Z'])
  }
})

test('makes a CSR, counts the use, and leaves a self-signed certificate that can be read and deleted', async (t) => {
  const simulator = await simulatorFor(t)
  await call(simulator, 'POST', '/v1/key', ecKey('k'))
  const { status, json } = await call(simulator, 'POST', '/v1/certificate/synchronous/request', csrFor('k'))
  assert.equal(status, 200)
  const { label, certificateSigningRequest } = json as { label: string; certificateSigningRequest: string }
  assert.equal(label, 'k')
  const { text } = await openssl({ 'c.csr': certificateSigningRequest }, 'req', '-in', 'c.csr', '-noout', '-verify', '-subject', '-pubkey')
  assert.match(text, /verify OK/)
  assert.match(text, /subject=C = CH, O = Acme, CN = Acme seal/)
  assert.ok(text.includes(String(simulator.publicKey('k').export({ type: 'spki', format: 'pem' }))))
  assert.equal(((await call(simulator, 'POST', '/v1/key/attributes', { label: 'k' })).json as Attributes).json.keyUsageCount, 1)

  assert.deepEqual(simulator.certificates(), ['k'])
  const { certificate } = (await call(simulator, 'GET', '/v1/certificate/k')).json as { certificate: string }
  assert.ok(new X509Certificate(certificate).verify(simulator.publicKey('k')))
  assert.deepEqual(outcome(await call(simulator, 'DELETE', '/v1/certificate/k')), [200, undefined])
  assert.deepEqual(simulator.certificates(), [])
  assert.deepEqual(outcome(await call(simulator, 'GET', '/v1/certificate/k')), [400, 402])
})

test('gives the CSR as a file too', async (t) => {
  const simulator = await simulatorFor(t)
  await simulator.addKey({ label: 'k' })
  const { headers, bytes } = await call(simulator, 'POST', '/v1/certificate/synchronous/request/download', csrFor('k'))
  assert.equal(headers.get('content-disposition'), 'attachment; filename="k.csr"')
  assert.match(bytes.toString(), /^-----BEGIN NEW CERTIFICATE REQUEST-----\n/)
})

for (const [fileNaming, publicKeyFile] of [['tutorial', 'PrimusHSM_Attestation_PublicKey.pem'], ['label', 'k.pem']] as const) {
  test(`exports the attestation with the file names of the ${fileNaming}`, async (t) => {
    const simulator = await simulatorFor(t, { fileNaming, rootInChain: fileNaming === 'label' })
    await simulator.addKey({ label: 'k', useCount: 1 })
    const { headers, bytes } = await call(simulator, 'POST', '/v1/key/keyAttestation', { label: 'k' })
    assert.equal(headers.get('content-type'), 'application/octet-stream')
    const zip = await JSZip.loadAsync(bytes)
    assert.deepEqual(Object.keys(zip.files),
      ['k.xml', 'k.sig', publicKeyFile, 'PrimusHSM_Attestation.crt', 'README_PrimusHSM_AuditAndAttestation_AN-E01.md'])
    const [xml, signature, publicKey, chain] = await Promise.all(Object.values(zip.files).map((file) => file.async('nodebuffer')))
    assert.ok(xml?.toString().endsWith('</private_key>\n\n'))
    const files = { 'k.xml': xml ?? '', 'k.sig': signature ?? '', 'p.pem': publicKey ?? '', 'chain.crt': chain ?? '', 'root.pem': simulator.rootPem }
    assert.equal((await openssl(files, 'dgst', '-sha256', '-verify', 'p.pem', '-signature', 'k.sig', 'k.xml')).text, 'Verified OK\n')
    assert.equal((await openssl(files, 'verify', '-CAfile', 'root.pem', '-untrusted', 'chain.crt', 'chain.crt')).text, 'chain.crt: OK\n')
    assert.equal(chain?.toString().match(/BEGIN CERTIFICATE/g)?.length, fileNaming === 'label' ? 3 : 2)
  })
}

for (const [how, method, path, body] of [
  ['by POST', 'POST', '/v1/key/deleteKey', { label: 'k' }], ['by DELETE', 'DELETE', '/v1/key/k', undefined],
] as const) {
  test(`deletes a key and its certificate ${how}`, async (t) => {
    const simulator = await simulatorFor(t)
    await simulator.addKey({ label: 'k', certificate: true })
    const { status, bytes } = await call(simulator, method, path, body)
    assert.deepEqual([status, bytes.length], [200, 0])
    assert.deepEqual([simulator.labels(), simulator.certificates()], [[], []])
    assert.deepEqual(outcome(await call(simulator, method, path, body)), [404, 650])
    assert.equal((await call(simulator, 'POST', '/v1/key', ecKey('k'))).status, 201)
  })
}

test('with Key Invalidation a deleted key is gone and its label is not', async (t) => {
  const simulator = await simulatorFor(t, { keepInvalidatedLabels: true })
  await simulator.addKey({ label: 'k' })
  await call(simulator, 'POST', '/v1/key/deleteKey', { label: 'k' })
  assert.deepEqual(outcome(await call(simulator, 'POST', '/v1/key/attributes', { label: 'k' })), [404, 650])
  assert.deepEqual(outcome(await call(simulator, 'POST', '/v1/key', ecKey('k'))), [400, 608])
  assert.match(JSON.stringify((await call(simulator, 'GET', '/v1/keystore/statistics')).json), /private keys 0.*invalidated keys 1/)
})

test('a certificate can outlive its key', async (t) => {
  const simulator = await simulatorFor(t, { certificateOutlivesKey: true })
  await simulator.addKey({ label: 'k', certificate: true })
  await call(simulator, 'DELETE', '/v1/key/k')
  assert.deepEqual([simulator.labels(), simulator.certificates()], [[], ['k']])
  assert.equal((await call(simulator, 'DELETE', '/v1/certificate/k')).status, 200)
})

test('answers the service calls', async (t) => {
  const simulator = await simulatorFor(t, { version: '2.2.0' })
  assert.deepEqual((await call(simulator, 'GET', '/v1/versionInfo')).json, { Version: '2.2.0', Vendor: 'TSB simulator' })
  assert.deepEqual((await call(simulator, 'GET', '/v1/licenseInfo')).json, { clientFlags: ['REST_API', 'TSB_ENGINE', 'KEY_AUTH'] })
})

test('lists labels with the HSM’s own key, which nobody can use', async (t) => {
  const simulator = await simulatorFor(t)
  await simulator.addKey({ label: 'k' })
  assert.deepEqual((await call(simulator, 'GET', '/v1/key')).json, ['attestation-key', 'k'])
  assert.deepEqual(simulator.labels(), ['k'])
  const body = { label: 'attestation-key' }
  for (const path of ['/v1/key/attributes', '/v1/key/keyAttestation', '/v1/key/deleteKey']) {
    assert.deepEqual(outcome(await call(simulator, 'POST', path, body)), [500, 701])
  }
  assert.deepEqual(outcome(await call(simulator, 'POST', '/v1/key', ecKey('attestation-key'))), [400, 608])
})

test('records what came', async (t) => {
  const simulator = await simulatorFor(t)
  await call(simulator, 'POST', '/v1/key/attributes?x=1', { label: 'k' }, { 'x-api-key': 'one' })
  await call(simulator, 'GET', '/nowhere')
  assert.deepEqual(simulator.requests.map(({ method, path, body, call }) => ({ method, path, body, call })), [
    { method: 'POST', path: '/v1/key/attributes', body: { label: 'k' }, call: 'key-attributes' },
    { method: 'GET', path: '/nowhere', body: undefined, call: undefined },
  ])
  assert.equal(simulator.requests[0]?.headers['x-api-key'], 'one')
})
