import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { BUILT_IN_ANCHOR_PEM, BUILT_IN_ANCHOR_SHA256 } from '../../src/evidence/built-in-anchor.ts'
import { builtInTrustAnchors, parseTrustAnchors } from '../../src/evidence/trust-anchors.ts'
import { keys, pki } from './good-case.ts'

const parse = (pem: string): unknown => parseTrustAnchors(pem, { builtIn: false })

test("ships the vendor's production root of 2024 under the fingerprint that the documentation names", () => {
  const [anchor, ...others] = builtInTrustAnchors()
  assert.equal(others.length, 0)
  assert.equal(anchor?.builtIn, true)
  assert.equal(anchor.sha256, 'd2c93d8f69bc8d624e37f25b9e6e7bec41761aab864c94f379361b9b78a9db97')
  assert.equal(anchor.name, 'CN=PRIMUS_HSM_ROOTKEY, C=CH, L=Zurich, O=Securosys, ST=ZH')
  const certificate = new X509Certificate(BUILT_IN_ANCHOR_PEM)
  assert.equal(certificate.fingerprint256.replaceAll(':', '').toLowerCase(), anchor.sha256)
  assert.ok(certificate.verify(certificate.publicKey))
})

test('reads several, merges duplicates, and overlooks remarks', () => {
  const anchors = parseTrustAnchors(`# ours\n${pki.root.pem}subject=x\n${pki.device.pem}\n${pki.root.pem}`, { builtIn: false })
  assert.deepEqual(anchors.map(({ name }) => name.slice(0, 24)), ['CN=PRIMUS_HSM_ROOTKEY, C', 'CN=PRIMUS HSM KEY (SN: 1'])
})

for (const [what, pem, message] of [
  ['an empty file', ' \n', /no trust anchor/],
  ['no PEM', 'hello', /cannot be read/],
  ['a block that is cut off', pki.root.pem.slice(0, -10), /cannot be read/],
  ['a damaged certificate', pki.root.pem.replace(/\n[^-\n]{64}\n/, '\n'), /cannot be read/],
  ['a public key', String(keys.publicKey.export({ type: 'spki', format: 'pem' })), /cannot be read/],
  ['a private key', String(keys.privateKey.export({ type: 'pkcs8', format: 'pem' })), /cannot be read/],
  ['a leaf certificate', pki.leaf.pem, /not a CA certificate/],
] as const) {
  test(`refuses ${what}`, () => assert.throws(() => parse(pem), message))
}

test("the vendor's root counts as built in where an operator lists it, and no other does", () => {
  const [anchor] = parseTrustAnchors(BUILT_IN_ANCHOR_PEM, { builtIn: false })
  assert.deepEqual([anchor?.sha256, anchor?.builtIn], [BUILT_IN_ANCHOR_SHA256, true])
})
