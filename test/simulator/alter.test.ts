import assert from 'node:assert/strict'
import { verify } from 'node:crypto'
import { test } from 'node:test'
import JSZip from 'jszip'
import { createCsr, csrPem } from '../../src/simulator/csr.ts'
import { createPki } from '../../src/simulator/pki.ts'
import { call, csrFor, ecKey, simulatorFor } from './client.ts'

const exported = async (bytes: Buffer) => (await JSZip.loadAsync(bytes)).files

test('a forged XML is signed like an honest one', async (t) => {
  const simulator = await simulatorFor(t, { alter: { attestationXml: (xml) => xml.replace('<extractable>false', '<extractable>true') } })
  const { xml, xmlSignature } = (await call(simulator, 'POST', '/v1/key', ecKey('k'))).json as { xml: string; xmlSignature: string }
  assert.match(xml, /<extractable>true/)
  assert.ok(verify('sha256', Buffer.from(xml), simulator.pki.leaf.publicKey, Buffer.from(xmlSignature, 'base64')))
})

test('a forged signature, file list and zip go out as they are', async (t) => {
  const simulator = await simulatorFor(t)
  await simulator.addKey({ label: 'k' })
  simulator.alter.signature = () => Buffer.from('forged')
  simulator.alter.exportFiles = (files) => {
    files.delete('k.xml')
    return files.set('../evil', Buffer.from('evil'))
  }
  const files = await exported((await call(simulator, 'POST', '/v1/key/keyAttestation', { label: 'k' })).bytes)
  assert.equal(await files['k.sig']?.async('text'), 'forged')
  assert.equal(files['k.xml'], undefined)
  simulator.alter.exportZip = (zip) => zip.subarray(0, 20)
  assert.equal((await call(simulator, 'POST', '/v1/key/keyAttestation', { label: 'k' })).bytes.length, 20)
})

test('a forged CSR and create answer go out as they are', async (t) => {
  const simulator = await simulatorFor(t, {
    alter: { csr: (_pem, key) => csrPem(createCsr({ ...key, subject: { commonName: 'Somebody else' } })), createAnswer: (answer) => ({ ...answer, json: null }) },
  })
  assert.equal(((await call(simulator, 'POST', '/v1/key', ecKey('k'))).json as { json: unknown }).json, null)
  const { json } = await call(simulator, 'POST', '/v1/certificate/synchronous/request', csrFor('k'))
  const der = Buffer.from((json as { certificateSigningRequest: string }).certificateSigningRequest.replace(/-----[^-]+-----/g, ''), 'base64')
  assert.ok(der.includes('Somebody else'))
})

test('two simulators have nothing in common', async (t) => {
  const one = await simulatorFor(t, { pki: await createPki({ attestationKey: 'ec', caKey: 'ec' }) })
  const other = await simulatorFor(t, { pki: await createPki({ attestationKey: 'ec', caKey: 'ec' }) })
  assert.notEqual(one.rootPem, other.rootPem)
  assert.deepEqual(one.pki.root.subject, other.pki.root.subject)
})
