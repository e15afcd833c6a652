import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import JSZip from 'jszip'
import { packBundle } from '../../src/bundle/pack-bundle.ts'
import { VERIFY_SCRIPT_SHA256 } from '../../src/bundle/verify-script.ts'
import { createPki, certify, vendorExtensions, vendorName, type KeyPair } from '../../src/simulator/pki.ts'
import { emptyPolicy } from '../../src/simulator/attestation-xml.ts'
import { LABEL, pki, README, verifyCase, type Change } from '../evidence/good-case.ts'
import { filesOf, newFolder, put, runScript, SCRIPT, unpack } from './unpacked.ts'

const bits = { root: 2048, device: 2048, leaf: 2048 }
const pssPki = await createPki({ attestationKey: 'rsa-pss', bits })
const ecPki = await createPki({ attestationKey: 'ec', caKey: 'ec' })
const ec = (namedCurve: string): KeyPair => generateKeyPairSync('ec', { namedCurve })
const rootFile = put('hsm_rsa_root.crt', pki.root.pem)
const goodFiles = await filesOf()

const GOOD: readonly (readonly [string, Change])[] = [
  ['the vendor\'s form', {}],
  ['the root in the chain file', { chain: [pki.leaf, pki.device, pki.root] }],
  ['the chain file upside down', { chain: [pki.root, pki.device, pki.leaf] }],
  ['the chain file shuffled', { chain: [pki.device, pki.leaf, pki.root] }],
  ['an RSA PSS attestation', { pki: pssPki }],
  ['an ECDSA attestation', { pki: ecPki }],
  ['P-256', { keys: ec('prime256v1') }],
  ['P-256 under an ECDSA attestation', { keys: ec('prime256v1'), pki: ecPki }],
  ['P-384 with its hash', { keys: ec('secp384r1'), csr: { algorithm: 'SHA384_WITH_ECDSA' } }],
  ['P-521 under a PSS attestation', { keys: ec('secp521r1'), csr: { algorithm: 'SHA512_WITH_ECDSA' }, pki: pssPki }],
  ['brainpoolP256r1', { keys: ec('brainpoolP256r1') }],
  ['Ed25519', { keys: generateKeyPairSync('ed25519') }],
  ['RSA-4096', { keys: generateKeyPairSync('rsa', { modulusLength: 4096 }) }],
  ['a CSR signed with PSS', { csr: { algorithm: 'SHA256_WITH_RSA_PSS' } }],
  ['a CSR signed with SHA-512', { csr: { algorithm: 'SHA512_WITH_RSA' } }],
  ['the usual CSR header', { csrText: (text) => text.replaceAll('NEW ', '') }],
  ['a CSR with Windows line ends', { csrText: (text) => text.replaceAll('\n', '\r\n') }],
  ['no README', { files: (files) => files.delete(README) }],
  ['no use count', { xmlText: (text) => text.replace(/\s*<key_use_count>.*/, '') }],
  ['elements that nobody reads', { xmlText: (text) => text.replace('<attributes>', '<exported a="&lt;b" >x &amp; y</exported>\n<empty/><attributes>') }],
]

for (const [what, change] of GOOD) {
  test(`passes ${what}`, async () => {
    const outcome = runScript([put('root.pem', (change.pki ?? pki).root.pem), unpack(await filesOf(change))])
    assert.deepEqual([outcome.fail, outcome.warn], [[], []])
    assert.match(outcome.verdict, new RegExp(`^PASSED {2}All of it holds for the key ${LABEL}, with 0 warning`))
    assert.equal(outcome.code, 0)
    assert.equal(outcome.ok.length + 1, outcome.lines.length)
  })
}

const WARNINGS: readonly (readonly [line: string, change: Change])[] = [
  ...['decrypt', 'unwrap', 'derive'].map((flag): [string, Change] => [`single purpose: the key may also ${flag}`, { xml: { attributes: { [flag]: true } } }]),
  ['plain: the key has an approval policy', { xml: { policy: emptyPolicy } }],
  ['plain: the key has a derivation value', { xml: { derivationValue: { type: 'BIP32', value: '00' } } }],
  ['device: the issuer is not named "PRIMUS HSM KEY (SN: n)"', (() => {
    const device = certify(pki.device, { subject: vendorName('SOME HSM'), extensions: vendorExtensions.device }, pki.root)
    return { pki: { ...pki, device, leaf: certify(pki.leaf, { subject: vendorName('attestation-key'), extensions: vendorExtensions.leaf }, device) } }
  })()],
]

for (const [line, change] of WARNINGS) {
  test(`warns and passes: ${line}`, async () => {
    const outcome = runScript([rootFile, unpack(await filesOf(change))])
    assert.deepEqual([outcome.warn, outcome.fail, outcome.code], [[line], [], 0])
    assert.match(outcome.verdict, /with 1 warning/)
  })
}

test('says what a person has to compare, and shows no colour outside a terminal', () => {
  const { lines, ok } = runScript([rootFile, unpack(goodFiles)])
  assert.match(ok[0]!, /^root: .*CN=PRIMUS_HSM_ROOTKEY, SHA-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}: compare it with what the vendor publishes$/)
  assert.ok(ok.includes(`label: ${LABEL}, made 2026-03-24T10:00:01Z, attested 2026-03-24T10:00:03Z: compare it with the order`))
  assert.ok(ok.includes('device: issued by the HSM with the serial number 12345678'))
  assert.doesNotMatch(lines.join('\n'), /\u001b/)
})

test('takes several roots, and says each', () => {
  const { ok, code } = runScript([put('roots.pem', ecPki.root.pem + pki.root.pem), unpack(goodFiles)])
  assert.deepEqual([ok.filter((line) => line.startsWith('root: ')).length, code], [2, 0])
})

test('runs in the unpacked folder, as the README says, and leaves nothing behind', () => {
  const folder = unpack(goodFiles)
  writeFileSync(join(folder, 'hsm_rsa_root.crt'), pki.root.pem)
  const temporary = newFolder()
  const before = readdirSync(folder)
  assert.equal(runScript(['hsm_rsa_root.crt'], { cwd: folder, env: { TMPDIR: temporary } }).code, 0)
  assert.deepEqual([readdirSync(folder), readdirSync(temporary)], [before, []])
})

test('works with names that are traps for a shell, and runs nothing that is in them', () => {
  const parent = newFolder()
  const folder = join(parent, 'a b;$(touch owned)`touch owned`*[x]\n"\'')
  mkdirSync(folder)
  const trap = '-n $(touch owned);`touch owned`&\'"\n*'
  const kinds = new Map([...goodFiles].map(([name, bytes]) => [name.replace(LABEL, trap), bytes]))
  unpack(new Map([...kinds, ['-rf', Buffer.from('x')], ['$(touch owned).md', Buffer.from('x')], ['x:y.pem', Buffer.from('x')]]), folder)
  const outcome = runScript([rootFile, folder], { cwd: parent })
  assert.deepEqual([outcome.fail, outcome.code], [[], 0])
  assert.deepEqual([...readdirSync(parent), ...readdirSync(folder)].filter((name) => name === 'owned'), [])
})

test('trusts the root given and nothing else that the machine trusts', async () => {
  // By name and hash, as a CA would be installed for every program of the machine. Its name is its own, or the root given would be found first.
  const root = certify(ecPki.root, { subject: vendorName('INSTALLED'), extensions: vendorExtensions.root })
  const device = certify(ecPki.device, { subject: pki.device.subject, extensions: vendorExtensions.device }, root)
  const leaf = certify(ecPki.leaf, { subject: pki.leaf.subject, extensions: vendorExtensions.leaf }, device)
  const installed = newFolder()
  writeFileSync(join(installed, 'root.pem'), root.pem)
  const hash = spawnSync('openssl', ['x509', '-in', join(installed, 'root.pem'), '-noout', '-hash'], { encoding: 'utf8' }).stdout.trim()
  renameSync(join(installed, 'root.pem'), join(installed, `${hash}.0`))
  const env = { SSL_CERT_DIR: installed, SSL_CERT_FILE: join(installed, `${hash}.0`) }
  const outcome = runScript([rootFile, unpack(await filesOf({ pki: { ...ecPki, root, device, leaf } }))], { env })
  assert.deepEqual([outcome.fail.length, outcome.code], [1, 1])
  assert.match(outcome.fail[0]!, /^chain: .*error 20 at 1 depth lookup/)
})

const without = (name: string): string => unpack(new Map([...goodFiles].filter(([each]) => each !== name)))
const linked = (): string => {
  const folder = without(`${LABEL}.xml`)
  symlinkSync(put('elsewhere.xml', goodFiles.get(`${LABEL}.xml`)!), join(folder, `${LABEL}.xml`))
  return folder
}
const chainFile = join(unpack(goodFiles), 'PrimusHSM_Attestation.crt')

const UNUSABLE: readonly (readonly [what: string, args: readonly string[], verdict: RegExp])[] = [
  ['no arguments', [], /usage/],
  ['three arguments', [rootFile, '.', '.'], /usage/],
  ['an option', ['--help'], /usage/],
  ['an option for a folder', [rootFile, '-x'], /usage/],
  ['a root that is not there', ['none.crt', unpack(goodFiles)], /the root certificate is not there/],
  ['a folder that is not there', [rootFile, 'none'], /the folder is not there/],
  ['a root that is none', [put('root.crt', 'hello'), unpack(goodFiles)], /no file of 1 to 20 certificates/],
  ['a root that is broken', [put('root.crt', pki.root.pem.replace('MII', 'AAA')), unpack(goodFiles)], /cannot be read/],
  ["the sender's chain file as the root", [chainFile, unpack(goodFiles)], /sender's own certificate file/],
  ['an empty folder', [rootFile, newFolder()], /no attestation/],
  ['a link instead of the attestation', [rootFile, linked()], /no attestation \(\*\.xml\), or it is no plain file/],
  ...[...goodFiles.keys()].filter((name) => name !== README).map((name): [string, string[], RegExp] => [`a bundle without ${name}`, [rootFile, without(name)], /the folder has no/]),
]

for (const [what, args, verdict] of UNUSABLE) {
  test(`cannot judge ${what}, with exit code 2`, () => {
    const outcome = runScript(args)
    assert.match(outcome.verdict, verdict)
    assert.match(outcome.verdict, /^UNUSABLE {2}/)
    assert.deepEqual([outcome.code, outcome.fail], [2, []])
  })
}

test('is packed into every bundle, before the manifest, byte for byte as published', async () => {
  const { report, evidence, files } = await verifyCase()
  const content = {
    label: LABEL, transactionId: 'tx', startedAt: new Date(0), report, files: files!, csrSubject: evidence.csr!.subject,
    serviceVersion: '0.1.0', profile: { name: 'tsb-default', title: 'The tutorial', description: 'All of it.', comparedOn: '2026-11-23', notes: [] },
  }
  const { bytes } = await packBundle(content)
  const zip = await JSZip.loadAsync(bytes)
  assert.deepEqual(Object.keys(zip.files).slice(-2), ['verify.sh', 'manifest.json'])
  const packed = await zip.file('verify.sh')!.async('nodebuffer')
  assert.deepEqual(packed, readFileSync(SCRIPT))
  assert.equal(createHash('sha256').update(packed).digest('hex'), VERIFY_SCRIPT_SHA256)
  const folder = newFolder()
  for (const [name, file] of Object.entries(zip.files)) writeFileSync(join(folder, name), await file.async('nodebuffer'))
  assert.equal(runScript([rootFile, folder]).code, 0)
  assert.equal(existsSync(join(folder, 'verification-report.json')), true)
  assert.ok((await zip.file('verification-report.html')!.async('string')).includes(VERIFY_SCRIPT_SHA256.slice(0, 8)))
})

test('tells its reader that a copy from a zip is the sender\'s claim', () => {
  const text = readFileSync(SCRIPT, 'utf8')
  assert.match(text.split('\n').slice(0, 8).join('\n'), /THIS COPY CAME WITH THE SENDER'S ZIP AND IS THE SENDER'S CLAIM/)
  assert.doesNotMatch(text, /\beval\b|\r/)
})
