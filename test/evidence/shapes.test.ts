import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { VerifiedFiles } from '../../src/evidence/evidence.ts'
import { parseTrustAnchors } from '../../src/evidence/trust-anchors.ts'
import { createPki, type KeyPair } from '../../src/simulator/pki.ts'
import { idsWith, LABEL, pki, README, times, verifiedAt, verifyCase, window, type Change } from './good-case.ts'
import { entriesOf, rawZip } from './raw-zip.ts'

const bits = { root: 2048, device: 2048, leaf: 2048 }
const pssPki = await createPki({ attestationKey: 'rsa-pss', bits })
const ecPki = await createPki({ attestationKey: 'ec', caKey: 'ec' })
const ec = (namedCurve: string): KeyPair => generateKeyPairSync('ec', { namedCurve })

const GOOD: readonly (readonly [string, Change])[] = [
  ['the vendor\'s form', {}],
  ['the key file named by its label', { fileNaming: 'label' }],
  ['the root in the chain file', { chain: [pki.leaf, pki.device, pki.root] }],
  ['the device pinned as anchor', { input: { trustAnchors: parseTrustAnchors(pki.device.pem, { builtIn: false }) } }],
  ['device and root pinned', { input: { trustAnchors: parseTrustAnchors(pki.root.pem + pki.device.pem, { builtIn: false }) } }],
  ['only the leaf in the chain file, its device pinned', { chain: [pki.leaf], input: { trustAnchors: parseTrustAnchors(pki.device.pem, { builtIn: false }) } }],
  ['an anchor among others', { input: { trustAnchors: parseTrustAnchors(ecPki.root.pem + pssPki.root.pem + pki.root.pem, { builtIn: false }) } }],
  ['RSA PSS', { pki: pssPki }],
  ['ECDSA', { pki: ecPki }],
  ['P-256', { keys: ec('prime256v1') }],
  ['P-384 with its hash', { keys: ec('secp384r1'), csr: { algorithm: 'SHA384_WITH_ECDSA' } }],
  ['P-521', { keys: ec('secp521r1'), csr: { algorithm: 'SHA512_WITH_ECDSA' } }],
  ['brainpoolP256r1', { keys: ec('brainpoolP256r1') }],
  ['Ed25519', { keys: generateKeyPairSync('ed25519') }],
  ['a CSR signed with PSS', { csr: { algorithm: 'SHA256_WITH_RSA_PSS' } }],
  ['a CSR signed with SHA-512', { csr: { algorithm: 'SHA512_WITH_RSA' } }],
  ['the usual CSR header', { csrText: (text) => text.replaceAll('NEW ', '') }],
  ['a CSR with Windows line ends', { csrText: (text) => text.replaceAll('\n', '\r\n') }],
  ['no README', { files: (files) => files.delete(README) }],
  ['a zip with stored entries', { zip: (_zip, files) => rawZip(entriesOf(files, (entry) => ({ ...entry, method: 0 }))) }],
  ['a zip as Java streams it', { zip: (_zip, files) => rawZip(entriesOf(files, (entry) => ({ ...entry, descriptor: true, flags: 0x800 }))) }],
  ['a key that may decrypt, as requested', { flags: { decrypt: true }, request: { decrypt: true } }],
  ['a modifiable key, as requested', { flags: { modifiable: true }, request: { modifiable: true } }],
  ['the edge of the window, before', { times: { created: new Date('2026-03-24T09:59:54Z') } }],
  ['the edge of the window, after', { times: { attested: new Date('2026-03-24T10:00:11Z') } }],
  ['an escaped label', { xml: { label: 'a<b>&"c\'' }, request: { label: 'a<b>&"c\'' } }],
]

for (const [what, change] of GOOD) {
  test(`accepts ${what}`, async () => {
    const result = await verifyCase(change)
    assert.deepEqual(result.report.checks.filter(({ outcome }) => outcome !== 'passed'), [])
    assert.equal(result.report.verdict, 'passed')
    assert.ok(result.files)
  })
}

test('says what it verified', async () => {
  const { report, evidence, files } = await verifyCase()
  const sha256Of = ({ der }: { readonly der: Uint8Array }): string => new X509Certificate(der).fingerprint256.replaceAll(':', '').toLowerCase()
  const rest = ', C=CH, L=Zurich, O=TSB simulator, ST=ZH'
  assert.deepEqual(report.facts, {
    anchor: { name: report.facts.anchor?.name, sha256: sha256Of(pki.root), builtIn: false },
    path: [
      { name: `CN=attestation-key${rest}`, sha256: sha256Of(pki.leaf) },
      { name: `CN=PRIMUS HSM KEY (SN: 12345678)${rest}`, sha256: sha256Of(pki.device) },
      { name: `CN=PRIMUS_HSM_ROOTKEY${rest}`, sha256: sha256Of(pki.root) },
    ],
    hsmSerial: '12345678', signatureAlgorithm: 'RSA PKCS#1 v1.5 with SHA-256', label: LABEL,
    publicKeySha256: report.facts.publicKeySha256, keyKind: 'RSA-2048', createTime: '2026-03-24T10:00:01Z', attestTime: '2026-03-24T10:00:03Z', keyUseCount: 1,
  })
  assert.equal(report.verifiedAt, verifiedAt.toISOString())
  assert.equal(evidence.csr?.pemLabel, 'NEW CERTIFICATE REQUEST')
  assert.equal(evidence.attestedKey?.label, LABEL)
  assert.equal(files?.readme?.name, README)
})

test('passes without request and window, and says which checks that left out', async () => {
  const result = await verifyCase({ input: { request: undefined, window: undefined } as object, flags: { decrypt: true, derive: true } })
  assert.equal(result.report.verdict, 'passed')
  assert.deepEqual(idsWith(result, 'skipped'), ['key.label', 'key.fresh', 'csr.subject', 'csr.extensions'])
  assert.deepEqual(idsWith(result, 'warning'), ['key.single-purpose'])
})

test('refuses an attestation of the future and one before its key, also without a window', async () => {
  for (const change of [{ attested: new Date('2026-03-25T10:00:00Z') }, { created: times.attested, attested: times.created }]) {
    const result = await verifyCase({ times: change, input: { window: undefined } as object })
    assert.deepEqual(idsWith(result, 'failed'), ['key.fresh'])
  }
})

test('runs further checks on what the evidence says, and they count', async () => {
  const profile = (outcome: 'passed' | 'failed' | 'warning' | 'skipped') => ({ extraChecks: () => [{ id: 'profile.x', outcome, detail: 'x' }] })
  assert.equal((await verifyCase({ input: profile('passed') })).report.verdict, 'passed')
  assert.equal((await verifyCase({ input: profile('warning') })).report.verdict, 'passed')
  assert.equal((await verifyCase({ input: profile('failed') })).report.verdict, 'failed')
  assert.equal((await verifyCase({ input: profile('skipped') })).files, undefined)
  const thrown = await verifyCase({ input: { extraChecks: () => { throw new Error('bug') } } })
  assert.equal(thrown.report.verdict, 'failed')
})

test('cuts and cleans what comes from outside', async () => {
  const result = await verifyCase({ xml: { label: `\u202e\u200b${'x'.repeat(200)}` } })
  const detail = result.report.checks.find(({ id }) => id === 'key.label')!.detail
  assert.match(detail, /is about \?\?x{78}…\.$/)
  assert.doesNotMatch(detail, /\p{C}/u)
})

test('a window with clocks that cannot be read refuses', async () => {
  const result = await verifyCase({ input: { window: { ...window, from: new Date(Number.NaN) } } })
  assert.deepEqual(idsWith(result, 'failed'), ['key.fresh'])
})

for (const [name, hierarchy] of [['RSA PKCS#1 v1.5', pki], ['RSA PSS', pssPki], ['ECDSA', ecPki]] as const) {
  test(`openssl agrees on CSR, chain and signature: ${name}`, async () => {
    const { files } = await verifyCase({ pki: hierarchy })
    const folder = mkdtempSync(join(tmpdir(), 'evidence-'))
    try {
      const output = opensslOn(folder, files!, hierarchy.root.pem, name === 'RSA PSS')
      assert.match(output, /OK/)
      assert.match(output, /Verified OK/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}

/** The vendor's commands (KeyAttestation.md), with the CSR's own signature beside them. */
function opensslOn(folder: string, files: VerifiedFiles, root: string, pss: boolean): string {
  const put = (name: string, bytes: string | Uint8Array): string => {
    writeFileSync(join(folder, name), bytes)
    return join(folder, name)
  }
  const chain = put('chain.crt', files.certificates)
  const openssl = (...args: string[]): string => execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const padding = pss ? ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32'] : []
  openssl('req', '-verify', '-noout', '-inform', 'DER', '-in', put('a.csr', files.csrDer))
  return openssl('verify', '-CAfile', put('root.crt', root), '-untrusted', chain, chain)
    + openssl('dgst', '-sha256', ...padding, '-verify', put('key.pem', files.publicKey), '-signature', put('a.sig', files.signature), put('a.xml', files.xml))
}

