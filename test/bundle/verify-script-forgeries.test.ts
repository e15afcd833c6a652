import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { emptyPolicy } from '../../src/simulator/attestation-xml.ts'
import { pem as pemOf, sequence } from '../../src/simulator/der.ts'
import { basicConstraints, extension, keyUsage } from '../../src/simulator/extensions.ts'
import { certify, createPki, rsaKeys, signAttestation, vendorExtensions, vendorName, type KeyPair, type Pki } from '../../src/simulator/pki.ts'
import { keys, LABEL, pki, type Change } from '../evidence/good-case.ts'
import { filesOf, put, runScript, unpack } from './unpacked.ts'

const rootFile = put('hsm_rsa_root.crt', pki.root.pem)
const otherKeys: KeyPair = generateKeyPairSync('rsa', { modulusLength: 2048 })
const smallKeys = await rsaKeys(1024)
/** The same names throughout, and keys of the attacker's own. */
const attacker = await createPki({ deviceSerial: '12345678', bits: { root: 2048, device: 2048, leaf: 2048 } })
const asLeaf = { subject: pki.leaf.subject, extensions: vendorExtensions.leaf } as const
const ownRoot = certify(attacker.root, { subject: vendorName('ROOT'), extensions: vendorExtensions.root })
const ownDevice = certify(attacker.device, { subject: pki.device.subject, extensions: vendorExtensions.device }, ownRoot)
const ownChain: Pki = { ...attacker, root: ownRoot, device: ownDevice, leaf: certify(attacker.leaf, asLeaf, ownDevice) }

type Content = Partial<Parameters<typeof certify>[1]>
const leafWith = (content: Content): Pki => ({ ...pki, leaf: certify(pki.leaf, { ...asLeaf, ...content }, pki.device) })
const deviceWith = (content: Content, deviceKeys: KeyPair = pki.device): Pki => {
  const device = certify(deviceKeys, { subject: pki.device.subject, extensions: vendorExtensions.device, ...content }, pki.root)
  return { ...pki, device, leaf: certify(pki.leaf, asLeaf, device) }
}
const below = certify(otherKeys, asLeaf, pki.leaf)
const between = certify(otherKeys, { subject: vendorName('BETWEEN'), extensions: vendorExtensions.device }, pki.device)
const belowBetween = certify(pki.leaf, asLeaf, between)

const file = (name: string, change: (bytes: Buffer) => string | Uint8Array): Change => ({
  files: (files) => {
    const before = Buffer.from(files.get(name)!)
    const changed = Buffer.from(change(before))
    assert.notDeepEqual(changed, before, 'the forgery must change something')
    files.set(name, changed)
  },
})
const xml = (from: string | RegExp, to: string): Change => ({
  xmlText: (text) => {
    assert.notEqual(text.replace(from, to), text, 'the forgery must change something')
    return text.replace(from, to)
  },
})
const flag = (name: string, value: boolean | string): Change => ({ xml: { attributes: { [name]: value } } })
const publicPem = (pair: KeyPair): string => String(pair.publicKey.export({ type: 'spki', format: 'pem' }))
const flipped = (bytes: Uint8Array): Buffer => {
  const copy = Buffer.from(bytes)
  copy[copy.length - 5]! ^= 1
  return copy
}
const KEY_FILE = 'PrimusHSM_Attestation_PublicKey.pem'
const CHAIN_FILE = 'PrimusHSM_Attestation.crt'
const derOf = (text: string): Buffer => Buffer.from(text.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64')
const REQUIRED = ['label', 'create_time', 'attest_time', 'public_key', 'decrypt', 'sign', 'unwrap', 'derive', 'sensitive', 'always_sensitive', 'extractable', 'never_extractable', 'copyable']

/** The FAIL line that must come, and no other; what is forged; how. */
const FORGERIES: readonly (readonly [fail: RegExp, what: string, change: Change])[] = [
  // Section 0 of the research first; verify-script-forged-bundle.test.ts has it through the service and npm run verify, too.
  [/^public key file: its key is not the key of the attestation certificate/, "the vendor's gap: genuine chain, the attacker's key signs and lies in the zip", {
    files: (files) => {
      files.set(`${LABEL}.sig`, signAttestation(attacker, files.get(`${LABEL}.xml`)!))
      files.set(KEY_FILE, Buffer.from(publicPem(attacker.leaf)))
    },
  }],
  [/^public key file: its key is not/, "the attacker's public key beside a genuine signature", file(KEY_FILE, () => publicPem(otherKeys))],
  [/^public key file: expected one public key/, 'a second key behind the genuine one', file(KEY_FILE, (bytes) => bytes + publicPem(otherKeys))],
  [/^public key file: expected one public key/, 'text before the key', file(KEY_FILE, (bytes) => `hello\n${bytes}`)],
  [/^public key file: expected one public key/, 'a private key', file(KEY_FILE, () => String(keys.privateKey.export({ type: 'pkcs8', format: 'pem' })))],
  // Chain
  [/^chain: .*error 19 at 2 depth lookup/, 'a self-made chain', { pki: ownChain, chain: [ownChain.leaf, ownChain.device, ownChain.root] }],
  [/^chain: .*error 20 at 1 depth lookup/, 'a self-made chain that keeps its root back', { pki: ownChain }],
  [/^chain: .*error 7 at 1 depth lookup/, 'a self-made chain under a root of the same name', { pki: attacker }],
  [/^chain: .*error \d+ at \d depth lookup/, 'a root of the same name, in the file', { pki: attacker, chain: [attacker.leaf, attacker.device, attacker.root] }],
  [/^chain: .*error \d+ at \d depth lookup/, 'no device certificate', { chain: [pki.leaf] }],
  [/^chain: .*error 7 at 0 depth lookup: certificate signature failure/, 'a broken signature of the device', { chain: [{ ...pki.leaf, pem: pemOf('CERTIFICATE', flipped(pki.leaf.der)) }, pki.device] }],
  [/^chain: .*error 10 at 0 depth lookup/, 'an expired leaf', { pki: leafWith({ notAfter: new Date('2024-09-01T00:00:00Z') }) }],
  [/^chain: .*error 9 at 1 depth lookup/, 'a device that is not valid yet', { pki: deviceWith({ notBefore: new Date('2050-01-01T00:00:00Z') }) }],
  [/^chain: .*error 25 at \d depth lookup/, 'one CA more than the path length allows', { pki: { ...pki, leaf: belowBetween }, chain: [belowBetween, between, pki.device] }],
  [/^chain: .*error 34 at 0 depth lookup/, 'an unknown critical extension', { pki: leafWith({ extensions: [...vendorExtensions.leaf, extension('1.2.3.4', true, sequence())] }) }],
  [/^chain: .*error 68 at 0 depth lookup/, 'a leaf signed with SHA-1', { pki: leafWith({ algorithm: 'SHA1_WITH_RSA' }) }],
  [/^chain: .*error 67 at 1 depth lookup/, 'a device with an RSA-1024 key', { pki: deviceWith({}, smallKeys) }],
  [/^chain: .*error \d+ at 1 depth lookup/, 'a device that may not issue', { pki: deviceWith({ extensions: [keyUsage('DIGITAL_SIGNATURE'), basicConstraints(true, 0)] }) }],
  [/^certificates: expected exactly one that is no CA.*there are 0 of 1$/, 'a device certificate as leaf', {
    ...file(`${LABEL}.sig`, () => Buffer.alloc(0)), chain: [pki.device],
    files: (files) => {
      files.set(`${LABEL}.sig`, signAttestation({ leaf: pki.device, attestationKey: 'rsa' }, files.get(`${LABEL}.xml`)!))
      files.set(KEY_FILE, Buffer.from(publicPem(pki.device)))
    },
  }],
  [/^certificates: .*there are 0 of 2$/, 'a leaf that is a CA', { pki: leafWith({ extensions: [keyUsage('DIGITAL_SIGNATURE'), basicConstraints(true)] }) }],
  [/^certificates: .*there are 2 of 3$/, 'an attestation key that issued another', { pki: { ...pki, leaf: below }, chain: [below, pki.leaf, pki.device] }],
  [/^certificates: .*there are 2 of 2$/, 'a device without basic constraints', { pki: deviceWith({ extensions: [keyUsage('KEY_CERT_SIGN')] }) }],
  [/^certificates: .*there are 2 of 3$/, "the attacker's leaf beside the genuine chain", { chain: [attacker.leaf, pki.leaf, pki.device] }],
  [/^certificates: expected 1 to 4/, 'five certificates', { chain: [pki.leaf, pki.device, pki.root, attacker.root, attacker.device] }],
  [/^certificates: expected 1 to 4/, 'a private key in the certificate file', file(CHAIN_FILE, (bytes) => bytes + String(keys.privateKey.export({ type: 'pkcs8', format: 'pem' })))],
  [/^certificates: expected 1 to 4/, 'a certificate that does not end', file(CHAIN_FILE, (bytes) => bytes.subarray(0, -30))],
  [/^certificates: one of .* cannot be read/, 'a certificate that is none', file(CHAIN_FILE, (bytes) => bytes + pemOf('CERTIFICATE', Buffer.from('x')))],
  [/^key usage: .*may not sign$/, 'a leaf that may not sign', { pki: leafWith({ extensions: [keyUsage('KEY_ENCIPHERMENT'), basicConstraints(false)] }) }],
  [/^key usage: .*may not sign$/, 'a leaf without key usage', { pki: leafWith({ extensions: [basicConstraints(false)] }) }],
  [/^key usage: .*may issue certificates$/, 'a leaf that may issue', { pki: leafWith({ extensions: [keyUsage('DIGITAL_SIGNATURE', 'KEY_CERT_SIGN'), basicConstraints(false)] }) }],
  // Signature
  [/^signature: /, 'a signature of another key', file(`${LABEL}.sig`, () => Buffer.alloc(256, 1))],
  [/^signature: /, 'an empty signature', file(`${LABEL}.sig`, () => '')],
  [/^signature: /, 'a line feed less', file(`${LABEL}.xml`, (bytes) => bytes.subarray(0, -1))],
  [/^signature: /, 'a value changed after signing', file(`${LABEL}.xml`, (bytes) => String(bytes).replace('<copyable>false', '<copyable>true'))],
  // The form of the attestation
  [/^attestation: it has a document type, a comment or a CDATA section$/, 'a document type', xml('<private_key', '<!DOCTYPE private_key [<!ENTITY t "true">]>\n<private_key')],
  [/^attestation: it has a document type, a comment or a CDATA section$/, 'a comment', xml('<attributes>', '<!-- <extractable>false</extractable> --><attributes>')],
  [/^attestation: it has a document type, a comment or a CDATA section$/, 'CDATA', xml('<sign>true', '<sign><![CDATA[true]]>')],
  [/^attestation: it has a processing instruction$/, 'a processing instruction', xml('<attributes>', '<?x y?><attributes>')],
  [/^attestation: it does not begin with an XML declaration/, 'a byte order mark', xml('<?xml', '\ufeff<?xml')],
  [/^attestation: it does not begin with an XML declaration/, 'another encoding', xml('UTF-8', 'UTF-16')],
  [/^attestation: it does not begin with an XML declaration/, 'no declaration', xml(/<\?xml.*\n/, '')],
  [/^attestation: it has control characters/, 'a NUL', xml('<attributes>', '<attributes>\0')],
  [/^attestation: <label> has a value of another form/, 'an entity in the label', xml(`<label>${LABEL}`, `<label>&amp;${LABEL}`)],
  [/^attestation: <label> has a value of another form/, 'a label of two lines', xml(`<label>${LABEL}`, `<label>${LABEL}\nextractable=false`)],
  [/^attestation: <label> stands there twice/, 'two labels', xml('<label>', '<label>x</label><label>')],
  [/^attestation: <extractable> stands there twice/, 'extractable twice', xml('<extractable>', '<extractable>false</extractable><extractable>')],
  [/^attestation: <public_key> stands there twice/, 'two public keys', xml('<public_key>', '<public_key>AAAA</public_key><public_key>')],
  [/^attestation: <attributes> stands there twice/, 'attributes twice', xml('</private_key>', '<attributes></attributes></private_key>')],
  [/^attestation: <extractable> stands at another place/, 'extractable inside a policy', { xml: { policy: ['<extractable>false</extractable>'] } }],
  [/^attestation: <decrypt> stands at another place/, 'attributes wrapped', xml('<attributes>', '<x><attributes>')],
  [/^attestation: its root is not one <private_key>/, 'another kind of document', xml(/private_key/g, 'secret_key')],
  [/^attestation: its root is not one <private_key>/, 'a second root', xml(/\n\n$/, '\n<private_key/>\n')],
  [/^attestation: it has text behind its end/, 'text behind the end', xml(/\n\n$/, '\nhello\n')],
  [/^attestation: it has a tag of another form/, 'a namespace', xml('<private_key', '<private_key xmlns="urn:x"')],
  [/^attestation: it has a tag of another form/, 'a prefix', xml('<attributes>', '<a:b/><attributes>')],
  [/^attestation: it has a tag of another form/, 'single quotes', xml('creation="generated"', "creation='generated'")],
  [/^attestation: it is not well-formed/, 'crossed tags', xml('</attributes>\n</private_key>', '</private_key>\n</attributes>')],
  [/^attestation: it is not well-formed/, 'an element that stays open', xml('</private_key>\n', '')],
  [/^attestation: an element inside <public_key>/, 'an element inside another', xml('</public_key>', '<x/></public_key>')],
  [/^attestation: <sign> has a value of another form/, 'a boolean in capitals', flag('sign', 'TRUE')],
  [/^attestation: <extractable> has a value of another form/, 'a boolean with a blank', flag('extractable', 'false ')],
  [/^attestation: <copyable> has a value of another form/, 'an empty element', xml('<copyable>false</copyable>', '<copyable/>')],
  [/^attestation: it is too deep/, 'depth', xml('<attributes>', `${'<x>'.repeat(9)}${'</x>'.repeat(9)}<attributes>`)],
  ...REQUIRED.map((name): [RegExp, string, Change] => [new RegExp(`^attestation: it has no <${name}>$`), `no ${name}`, xml(new RegExp(`\\s*<${name}>.*</${name}>`), '')]),
  // What it says
  [/^origin: /, 'an imported key that says never_extractable=true', { xml: { creation: 'imported' } }],
  [/^origin: /, 'no word on the origin', { xml: { creation: null } }],
  [/^origin: /, 'external storage', { xml: { storage: 'external' } }],
  [/^origin: /, 'two origins', xml('creation="generated"', 'creation="generated" creation="imported"')],
  [/^origin: /, 'an origin in another spelling', xml('creation="generated"', 'creation="&#103;enerated"')],
  [/^not extractable: expected extractable=false never_extractable=true/, 'extractable', flag('extractable', true)],
  [/^not extractable: /, 'once extractable', flag('never_extractable', false)],
  [/^sensitive: /, 'not sensitive', flag('sensitive', false)],
  [/^sensitive: /, 'not always sensitive', flag('always_sensitive', false)],
  [/^not copyable: /, 'copyable', flag('copyable', true)],
  [/^signs: /, 'a key that may not sign', flag('sign', false)],
  [/^not blocked: /, 'a blocked key', { xml: { policy: emptyPolicy.map((line) => line.replace('false', 'true')) } }],
  // CSR
  [/^proof of possession: /, 'a CSR that its key did not sign', { csr: { privateKey: otherKeys.privateKey } }],
  [/^proof of possession: /, 'a flipped bit in the signature of the CSR', { csrText: (text) => pemOf('CERTIFICATE REQUEST', flipped(derOf(text))) }],
  [/^same key: /, 'the CSR of another key', { csr: otherKeys }],
  [/^certificate request: /, 'two CSRs in one file', { csrText: (text) => text + text }],
  [/^certificate request: /, 'text before the CSR', { csrText: (text) => `hello\n${text}` }],
  [/^certificate request: /, 'a certificate for a CSR', { csrText: () => pki.leaf.pem }],
  [/^certificate request: /, 'an encrypted block', { csrText: (text) => text.replace('\n', '\nProc-Type: 4,ENCRYPTED\n') }],
  // Files
  [/^files: expected one attestation .*has 2$/, 'two attestations', { files: (files) => files.set('a.xml', Buffer.from('x')) }],
  [/^files: expected one signature .*has 2$/, 'two signatures', { files: (files) => files.set('a.sig', Buffer.from('x')) }],
  [/^files: expected one certificate request .*has 2$/, 'two CSRs', { files: (files) => files.set('a.csr', Buffer.from('x')) }],
  [/^files: the signature .* is larger than 1 MiB$/, 'a huge file', file(`${LABEL}.sig`, () => Buffer.alloc(1024 * 1024 + 1))],
]

for (const [fail, what, change] of FORGERIES) {
  test(`refuses ${what}`, async () => {
    const outcome = runScript([rootFile, unpack(await filesOf(change))])
    assert.equal(outcome.fail.length, 1, outcome.lines.join('\n'))
    assert.match(outcome.fail[0]!, fail)
    assert.match(outcome.verdict, /^REFUSED {2}Do not issue a certificate on this evidence\./)
    assert.equal(outcome.code, 1)
  })
}

test('tells every claim that is wrong, not only the first', async () => {
  const { fail, code } = runScript([rootFile, unpack(await filesOf({ xml: { creation: 'imported', attributes: { extractable: true, copyable: true } }, csr: otherKeys }))])
  assert.deepEqual([fail.map((line) => line.split(':')[0]), code], [['origin', 'not extractable', 'not copyable', 'same key'], 1])
})

test('a CSR that is no PKCS#10 inside fails both of its steps', async () => {
  const { fail, code } = runScript([rootFile, unpack(await filesOf({ csrText: () => pemOf('CERTIFICATE REQUEST', Buffer.from('x')) }))])
  assert.deepEqual([fail.map((line) => line.split(':')[0]), code], [['proof of possession', 'same key'], 1])
})
