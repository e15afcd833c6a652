import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import { readDer } from '../../src/evidence/der.ts'
import { parseTrustAnchors } from '../../src/evidence/trust-anchors.ts'
import { emptyPolicy } from '../../src/simulator/attestation-xml.ts'
import { certify, createPki, rsaKeys, signAttestation, vendorExtensions, vendorName, type KeyPair, type Pki } from '../../src/simulator/pki.ts'
import { basicConstraints, certificatePolicies, extendedKeyUsage, extension, keyUsage, subjectKeyIdentifier } from '../../src/simulator/extensions.ts'
import { encodeName, nameOf } from '../../src/simulator/names.ts'
import { bitString, explicit, integer, oid, pem as pemOf, sequence, setOf } from '../../src/simulator/der.ts'
import { algorithmIdentifier, signBytes } from '../../src/simulator/signatures.ts'
import { ALL_IDS, idsWith, keys, LABEL, pki, README, subject, verifyCase, type Change } from './good-case.ts'
import { entriesOf, rawZip, type RawEntry } from './raw-zip.ts'

// Keys and hierarchies that the rows need, made once.
const otherKeys: KeyPair = generateKeyPairSync('rsa', { modulusLength: 2048 })
const rsa1024: KeyPair = generateKeyPairSync('rsa', { modulusLength: 1024 })
const exponent3: KeyPair = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 })
const ec = (namedCurve: string): KeyPair => generateKeyPairSync('ec', { namedCurve })
const attacker = await createPki({ deviceSerial: '12345678', bits: { root: 2048, device: 2048, leaf: 2048 } })
const leafKeys: KeyPair = { publicKey: pki.leaf.publicKey, privateKey: pki.leaf.privateKey }
const smallKeys = await rsaKeys(1024)

const multiValued = [...nameOf(['C', 'CH'], ['2.5.4.97', subject.organizationIdentifier], ['L', subject.locality], ['EMAILADDRESS', subject.email]), nameOf(['CN', subject.commonName], ['O', subject.organizationName]).flat()]

type Content = Partial<Parameters<typeof certify>[1]>
/** The good hierarchy with another leaf for the same key. */
const leafWith = (content: Content): Pki => ({ ...pki, leaf: certify(leafKeys, { subject: vendorName('attestation-key'), extensions: vendorExtensions.leaf, ...content }, pki.device) })
/** The good hierarchy with another device certificate, which issued the leaf. */
const deviceWith = (content: Content, deviceKeys: KeyPair = { publicKey: pki.device.publicKey, privateKey: pki.device.privateKey }): Pki => {
  const device = certify(deviceKeys, { subject: pki.device.subject, extensions: vendorExtensions.device, ...content }, pki.root)
  return { ...pki, device, leaf: certify(leafKeys, { subject: vendorName('attestation-key'), extensions: vendorExtensions.leaf }, device) }
}
const below = (issuer: Pki['leaf'], name = 'attestation-key'): Pki['leaf'] => certify(otherKeys, { subject: vendorName(name), extensions: vendorExtensions.leaf }, issuer)

const replace = (from: string | RegExp, to: string): Change => ({
  xmlText: (text) => {
    assert.notEqual(text.replace(from, to), text, 'the mutation must change something')
    return text.replace(from, to)
  },
})
const flag = (name: string, value: boolean | string | null): Change => ({ xml: { attributes: { [name]: value } } })
const raw = (change: (entry: RawEntry, index: number) => RawEntry, options?: Parameters<typeof rawZip>[1]): Change => ({ zip: (_zip, files) => rawZip(entriesOf(files, change), options) })
const first = (change: Partial<RawEntry>): Change => raw((entry, i) => i === 0 ? { ...entry, ...change } : entry)
const renamed = (name: string): Change => raw((entry) => entry.name === README ? { ...entry, name } : entry)
const flipped = (bytes: Uint8Array): Buffer => {
  const copy = Buffer.from(bytes)
  copy[copy.length - 5]! ^= 1
  return copy
}
const extra = (name: string, bytes: Uint8Array = Buffer.from('x')): Change => ({ files: (files) => files.set(name, bytes) })
const rewrite = (pattern: RegExp, change: (bytes: Buffer) => Uint8Array): Change => ({
  files: (files) => {
    const name = [...files.keys()].find((each) => pattern.test(each))!
    files.set(name, change(Buffer.from(files.get(name)!)))
  },
})
const publicPem = (pair: KeyPair): Buffer => Buffer.from(pair.publicKey.export({ type: 'spki', format: 'pem' }))
/** A CSR of the good key with any attributes at all. */
const csrWithAttributes = (...attributes: Buffer[]): Change => ({
  csrText: () => {
    const info = sequence(integer(0), encodeName(nameOf(...Object.entries({ CN: subject.commonName, C: 'CH', O: subject.organizationName, '2.5.4.97': subject.organizationIdentifier, L: subject.locality, EMAILADDRESS: subject.email }))),
      keys.publicKey.export({ type: 'spki', format: 'der' }), explicit(0, ...attributes))
    return pemOf('CERTIFICATE REQUEST', sequence(info, algorithmIdentifier('SHA256_WITH_RSA'), bitString(signBytes('SHA256_WITH_RSA', info, keys.privateKey))))
  },
})
const csrDer = (change: (der: Buffer) => Uint8Array): Change => ({ csrText: (text) => pemOf('CERTIFICATE REQUEST', change(Buffer.from(text.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64'))) })
/** The good CSR with its certificationRequestInfo changed and signed again, by its own key. */
const resigned = (from: string, to: string): Change => csrDer((der) => {
  const text = readDer(der)!.children[0]!.bytes
  const changed = Buffer.from(Buffer.from(text).toString('hex').replace(from, to), 'hex')
  assert.notDeepEqual(changed, text)
  return sequence(changed, algorithmIdentifier('SHA256_WITH_RSA'), bitString(signBytes('SHA256_WITH_RSA', changed, keys.privateKey)))
})
const hexOf = (text: string): string => Buffer.from(text).toString('hex')
/** A leaf whose algorithm outside is another than inside, with a signature that verifies by the outer one. */
const twoAlgorithms = (): Pki['leaf'] => {
  const tbs = readDer(pki.leaf.der)!.children[0]!.bytes
  const der = sequence(tbs, algorithmIdentifier('SHA384_WITH_RSA'), bitString(signBytes('SHA384_WITH_RSA', tbs, pki.device.privateKey)))
  return { ...pki.leaf, der, pem: pemOf('CERTIFICATE', der) }
}
/** Two CA certificates that issued each other: each issues another, so neither is a leaf. */
const crossed = [[otherKeys, 'A', leafKeys, 'B'], [leafKeys, 'B', otherKeys, 'A']] as const
const pair = crossed.map(([own, name, issuer, issuerName]) => certify(own, { subject: vendorName(name), extensions: vendorExtensions.device }, { subject: vendorName(issuerName), privateKey: issuer.privateKey }))
const extensionRequest = (...extensions: Buffer[]): Buffer => sequence(oid('1.2.840.113549.1.9.14'), setOf(sequence(...extensions)))
const contentCommitment = keyUsage('CONTENT_COMMITMENT')

/** id of the check that must fail, what is changed, how. */
const FAILURES: readonly (readonly [id: string, what: string, change: Change])[] = [
  // 7.1 container
  ['archive.readable', 'a path that climbs', renamed('../evil.md')],
  ['archive.readable', 'an absolute path', renamed('/evil.md')],
  ['archive.readable', 'a drive letter', renamed('C:evil.md')],
  ['archive.readable', 'a backslash', renamed('..\\evil.md')],
  ['archive.readable', 'a NUL in a name', renamed('a.md\0.exe')],
  ['archive.readable', 'a name that reads backwards', renamed('a\u202edm.md')],
  ['archive.readable', 'a Windows device', renamed('NUL.md')],
  ['archive.readable', 'a directory', renamed('folder/')],
  ['archive.readable', 'a file in a folder', renamed('folder/a.md')],
  ['archive.readable', 'the same name twice', { zip: (_zip, files) => rawZip([...entriesOf(files), ...entriesOf(files).slice(0, 1)]) }],
  ['archive.readable', 'the same name in another case', { zip: (_zip, files) => rawZip([...entriesOf(files), { name: README.toUpperCase(), bytes: Buffer.from('x') }]) }],
  ['archive.readable', 'a symbolic link', first({ attributes: 0o120777 * 65536 })],
  ['archive.readable', 'an encrypted entry', first({ flags: 1 })],
  ['archive.readable', 'masked headers', first({ flags: 0x2000 })],
  ['archive.readable', 'an unknown compression', first({ method: 12, packed: Buffer.from('x') })],
  ['archive.readable', 'another name in the local header', first({ localName: 'qtsp-seal-02.xml' })],
  ['archive.readable', 'a Unicode path that renames the entry', first({ extra: Buffer.from([0x75, 0x70, 1, 0, 1]) })],
  ['archive.readable', 'a wrong checksum', first({ method: 0, packed: Buffer.from('other') })],
  ['archive.readable', 'other content of the same size', raw((entry, i) => i === 0 ? { ...entry, method: 0, packed: Buffer.alloc(entry.bytes.length) } : entry)],
  ['archive.readable', 'data behind a compressed stream', raw((entry, i) => i === 0 ? { ...entry, packed: Buffer.concat([deflateRawSync(entry.bytes), Buffer.from('hidden')]) } : entry)],
  ['archive.readable', 'another method in the local header', {
    zip: (_zip, files) => {
      const zip = rawZip(entriesOf(files))
      zip[8] = 0
      return zip
    },
  }],
  ['archive.readable', 'data before the first entry', raw((entry) => entry, { before: Buffer.from('#!/bin/sh\n') })],
  ['archive.readable', 'data behind the end', { zip: (zip) => Buffer.concat([zip, Buffer.from('x')]) }],
  ['archive.readable', 'a comment behind the end', raw((entry) => entry, { comment: 'hello' })],
  ['archive.readable', 'data between entries', first({ gap: Buffer.from('hidden') })],
  ['archive.readable', 'entries that overlap', raw((entry, i) => i === 1 ? { ...entry, offset: 0 } : entry)],
  ['archive.readable', 'a directory that lists fewer entries', raw((entry) => entry, { count: 4 })],
  ['archive.readable', 'a bomb that states its size', extra('bomb.md', Buffer.alloc(1024 * 1024 + 1))],
  ['archive.readable', 'a bomb that lies about its size', raw((entry) => entry.name === README ? { ...entry, bytes: Buffer.alloc(2 * 1024 * 1024), size: 10 } : entry)],
  ['archive.readable', 'more than 4 MiB in all', { files: (files) => [1, 2, 3, 4, 5].forEach((n) => files.set(`${n}.md`, Buffer.alloc(1024 * 1000))) }],
  ['archive.readable', 'more than 20 entries', { files: (files) => Array.from({ length: 16 }, (_, n) => files.set(`${n}.md`, Buffer.from('x'))) }],
  ['archive.readable', 'a JSON error instead of a zip', { zip: () => Buffer.from('{"errorCode":701}') }],
  ['archive.readable', 'nothing at all', { zip: () => new Uint8Array() }],
  ['archive.complete', 'no XML', { files: (files) => files.delete(`${LABEL}.xml`) }],
  ['archive.complete', 'no signature', { files: (files) => files.delete(`${LABEL}.sig`) }],
  ['archive.complete', 'a second XML', extra('second.xml')],
  ['archive.complete', 'a second XML under another name', extra('second.txt', Buffer.from('<?xml version="1.0"?><private_key/>'))],
  ['archive.complete', 'a second public key', extra('second.pem', publicPem(otherKeys))],
  ['archive.complete', 'a second certificate file', extra('second.crt', Buffer.from(attacker.leaf.pem))],
  // 7.2 chain
  ['chain.anchored', 'a root with the same name', { input: { trustAnchors: parseTrustAnchors(attacker.root.pem, { builtIn: false }) } }],
  ['chain.anchored', "the attacker's whole hierarchy, root in the file", { pki: attacker, chain: [attacker.leaf, attacker.device, attacker.root], input: { trustAnchors: parseTrustAnchors(pki.root.pem, { builtIn: false }) } }],
  ['chain.anchored', 'no device certificate', { chain: [pki.leaf] }],
  ['chain.anchored', 'no leaf and nothing below the device but another device', { chain: [pki.device, attacker.device] }],
  ['chain.anchored', 'an unrelated certificate', { chain: [pki.leaf, pki.device, attacker.leaf] }],
  ['chain.anchored', 'an unrelated pair', { chain: [pki.leaf, pki.device, attacker.device, attacker.leaf] }],
  ['chain.anchored', 'a fake root with the same name in the file', { chain: [pki.leaf, pki.device, attacker.root] }],
  ['chain.anchored', 'a certificate twice', { chain: [pki.leaf, pki.leaf, pki.device] }],
  ['chain.anchored', 'five certificates', { chain: [pki.leaf, pki.device, pki.root, attacker.root, attacker.device] }],
  ['chain.anchored', 'a signature of the device that is broken', { chain: [{ ...pki.leaf, pem: pemOf('CERTIFICATE', flipped(pki.leaf.der)) }, pki.device] }],
  ['chain.anchored', 'a private key in the certificate file', rewrite(/crt$/, (bytes) => Buffer.concat([bytes, Buffer.from(String(keys.privateKey.export({ type: 'pkcs8', format: 'pem' })))]))],
  ['chain.anchored', 'no anchor', { input: { trustAnchors: [] } }],
  ['chain.anchored', 'an anchor whose fingerprint is another', { input: { trustAnchors: parseTrustAnchors(pki.root.pem, { builtIn: false }).map((anchor) => ({ ...anchor, sha256: '0'.repeat(64) })) } }],
  ['chain.anchored', 'two unrelated certificates that issued each other', { chain: [pki.leaf, pki.device, ...pair] }],
  ['chain.anchored', "a leaf that names another issuer than the one that signed it", { pki: { ...pki, leaf: certify(leafKeys, { subject: vendorName('attestation-key'), extensions: vendorExtensions.leaf }, { ...pki.device, subject: vendorName('OTHER') }) } }],
  ['chain.anchored', 'a leaf with one algorithm inside and another outside', { pki: { ...pki, leaf: twoAlgorithms() } }],
  ['chain.valid', 'a time before', { input: { verifiedAt: new Date('2020-01-01T00:00:00Z') } }],
  ['chain.valid', 'a time after', { input: { verifiedAt: new Date('2060-01-01T00:00:00Z') } }],
  ['chain.valid', 'no time', { input: { verifiedAt: new Date(Number.NaN) } }],
  ['chain.valid', 'a leaf that has expired', { pki: leafWith({ notAfter: new Date('2026-03-24T10:00:04Z') }) }],
  ['chain.valid', 'a device that is not valid yet', { pki: deviceWith({ notBefore: new Date('2026-03-24T10:00:06Z') }) }],
  ['chain.valid', 'a leaf that is a CA', { pki: leafWith({ extensions: [keyUsage('DIGITAL_SIGNATURE'), basicConstraints(true)] }) }],
  ['chain.valid', 'a lone device certificate as leaf', { pki: { ...pki, leaf: pki.device }, chain: [pki.device] }],
  ['chain.valid', 'a leaf that may not sign', { pki: leafWith({ extensions: [keyUsage('KEY_ENCIPHERMENT'), basicConstraints(false)] }) }],
  ['chain.valid', 'a leaf without key usage', { pki: leafWith({ extensions: [basicConstraints(false)] }) }],
  ['chain.valid', 'a device that is no CA', { pki: deviceWith({ extensions: [keyUsage('KEY_CERT_SIGN'), basicConstraints(false)] }) }],
  ['chain.valid', 'a device without basic constraints', { pki: deviceWith({ extensions: [keyUsage('KEY_CERT_SIGN')] }) }],
  ['chain.valid', 'a device that may not issue', { pki: deviceWith({ extensions: [keyUsage('DIGITAL_SIGNATURE'), basicConstraints(true, 0)] }) }],
  ['chain.valid', 'an attestation key that issued another', { pki: { ...pki, leaf: below(pki.leaf) }, chain: [below(pki.leaf), pki.leaf, pki.device] }],
  ['chain.valid', 'one CA more than the path length', (() => {
    const between = certify(otherKeys, { subject: vendorName('BETWEEN'), extensions: vendorExtensions.device }, pki.device)
    const leaf = certify(leafKeys, { subject: vendorName('attestation-key'), extensions: vendorExtensions.leaf }, between)
    return { pki: { ...pki, leaf }, chain: [leaf, between, pki.device] }
  })()],
  ['chain.valid', 'an unknown critical extension', { pki: leafWith({ extensions: [...vendorExtensions.leaf, extension('1.2.3.4', true, sequence())] }) }],
  ['chain.valid', 'a certificate signed with SHA-1', { pki: leafWith({ algorithm: 'SHA1_WITH_RSA' }) }],
  ['chain.valid', 'a device with an RSA-1024 key', { pki: deviceWith({}, smallKeys) }],
  ['chain.anchored', 'an extension twice', { pki: leafWith({ extensions: [...vendorExtensions.leaf, basicConstraints(false)] }) }],
  ['chain.public-key', "the attacker's public key", { files: (files) => files.set('PrimusHSM_Attestation_PublicKey.pem', publicPem(otherKeys)) }],
  ['chain.public-key', 'two keys in the file', rewrite(/PublicKey/, (bytes) => Buffer.concat([bytes, publicPem(otherKeys)]))],
  // 7.3 signature
  ['signature.valid', 'a changed byte of the XML', rewrite(/xml$/, (bytes) => Buffer.from(bytes.toString().replace('<sign>true', '<sign>True')))],
  ['signature.valid', 'one newline fewer', rewrite(/xml$/, (bytes) => bytes.subarray(0, -1))],
  ['signature.valid', 'one newline more', rewrite(/xml$/, (bytes) => Buffer.concat([bytes, Buffer.from('\n')]))],
  ['signature.valid', 'Windows line ends', rewrite(/xml$/, (bytes) => Buffer.from(bytes.toString().replaceAll('\n', '\r\n')))],
  ['signature.valid', 'a byte order mark', rewrite(/xml$/, (bytes) => Buffer.from(`\ufeff${bytes.toString()}`))],
  ['signature.valid', 'base64 text', rewrite(/sig$/, (bytes) => Buffer.from(bytes.toString('base64')))],
  ['signature.valid', 'an empty file', rewrite(/sig$/, () => Buffer.alloc(0))],
  ['signature.valid', 'a huge file', rewrite(/sig$/, () => Buffer.alloc(100000))],
  ['signature.valid', "the device's signature instead of the leaf's", { pki: { ...pki, leaf: { ...pki.leaf, privateKey: pki.device.privateKey } } }],
  ['signature.valid', 'a flipped bit', rewrite(/sig$/, flipped)],
  // 7.4 XML, signed as it is
  ['key.well-formed', 'a document type', replace('<private_key', '<!DOCTYPE private_key><private_key')],
  ['key.well-formed', 'an entity of its own', replace('<private_key', '<!DOCTYPE private_key [<!ENTITY x "true">]><private_key')],
  ['key.well-formed', 'an undefined entity', replace(LABEL, '&x;')],
  ['key.well-formed', 'a numeric reference', replace(LABEL, `${LABEL.slice(0, -1)}&#49;`)],
  ['key.well-formed', 'a processing instruction', replace('<label>', '<?php ?><label>')],
  ['key.well-formed', 'a comment', replace('<label>', '<!-- --><label>')],
  ['key.well-formed', 'a comment inside a value', replace(LABEL, `${LABEL}<!-- -->`)],
  ['key.well-formed', 'a CDATA section', replace(LABEL, `<![CDATA[${LABEL}]]>`)],
  ['key.well-formed', 'a namespace', replace('<private_key', '<private_key xmlns="urn:x"')],
  ['key.well-formed', 'a prefix', replace(/<(\/?)label>/g, '<$1p:label>')],
  ['key.well-formed', 'a byte order mark', { xmlText: (text) => `\ufeff${text}` }],
  ['key.well-formed', 'another encoding', replace('UTF-8', 'ISO-8859-1')],
  ['key.well-formed', 'another root', replace(/private_key/g, 'secret_key')],
  ['key.well-formed', 'a second root', replace(/$/, '<private_key/>')],
  ['key.well-formed', 'text behind the root', replace(/$/, 'x')],
  ['key.well-formed', 'a second label', replace('</label>', `</label><label>${LABEL}</label>`)],
  ['key.well-formed', 'a second extractable', replace('<extractable>', '<extractable>true</extractable><extractable>')],
  ['key.well-formed', 'a second list of attributes', replace('</private_key>', '<attributes></attributes></private_key>')],
  ['key.well-formed', 'attributes inside the policy only', replace(/<attributes>([^]*)<\/attributes>/, '<policy><attributes>$1</attributes></policy>')],
  ['key.well-formed', 'no extractable', flag('extractable', null)],
  ['key.well-formed', 'no creation', { xml: { creation: null } }],
  ['key.well-formed', 'a boolean in capitals', flag('sign', 'TRUE')],
  ['key.well-formed', 'a boolean as a number', flag('extractable', '0')],
  ['key.well-formed', 'a boolean with a blank', flag('extractable', 'false ')],
  ['key.well-formed', 'an element inside a boolean', replace('<extractable>false', '<extractable><b/>false')],
  ['key.well-formed', 'a time with an offset', replace('03Z</attest', '03+00:00</attest')],
  ['key.well-formed', 'a day that does not exist', replace(/<create_time>[^<]*/, '<create_time>2026-02-30T10:00:00Z')],
  ['key.well-formed', 'a number with a leading zero', replace('<key_use_count>1', '<key_use_count>01')],
  ['key.well-formed', 'a public key over two lines', replace('<public_key>MI', '<public_key>\nMI')],
  ['key.well-formed', 'a public key with padding that is not needed', replace('AQAB</public_key>', 'AQAB=</public_key>')],
  ['key.well-formed', 'text among the attributes', replace('<attributes>', '<attributes>x')],
  ['key.well-formed', 'an unclosed element', replace('</attributes>', '')],
  ['key.well-formed', 'an attribute twice', replace('creation="generated"', 'creation="generated" creation="generated"')],
  ['key.well-formed', 'a NUL', replace(LABEL, `${LABEL}\0`)],
  ['key.well-formed', 'depth', replace('<attributes>', `${'<a>'.repeat(500)}${'</a>'.repeat(500)}<attributes>`)],
  ['key.well-formed', 'size', replace('<attributes>', `${' '.repeat(300000)}<attributes>`)],
  // 7.5 claims and binding
  ['key.generated', 'an imported key', { xml: { creation: 'imported' } }],
  ['key.generated', 'a key that is stored outside', { xml: { storage: 'external' } }],
  ['key.generated', 'a word in capitals', { xml: { creation: 'Generated' } }],
  ['key.label', 'another label', { xml: { label: 'qtsp-seal-02' } }],
  ['key.label', 'a blank behind the label', { xml: { label: `${LABEL} ` } }],
  ['key.label', 'evidence of an earlier transaction', { request: { label: 'qtsp-seal-03' } }],
  ['key.kind', 'another algorithm', { xml: { algorithm: 'EC' } }],
  ['key.kind', 'another algorithm identifier', { xml: { algorithmOid: '1.2.840.10045.2.1' } }],
  ['key.kind', 'another size stated', { xml: { keySize: 4096 } }],
  ['key.kind', 'a curve stated', { xml: { curveOid: '1.2.840.10045.3.1.7' } }],
  ['key.kind', 'another size requested', { request: { keySize: 4096 } }],
  ['key.kind', 'another curve requested', { keys: ec('prime256v1'), request: { curveOid: '1.3.132.0.34' } }],
  ['key.kind', 'another algorithm requested', { keys: ec('prime256v1'), request: { algorithm: 'ED' } }],
  ['key.not-extractable', 'extractable', flag('extractable', true)],
  ['key.not-extractable', 'once extractable', flag('never_extractable', false)],
  ['key.sensitive', 'not sensitive', flag('sensitive', false)],
  ['key.sensitive', 'not always sensitive', flag('always_sensitive', false)],
  ['key.not-copyable', 'copyable', flag('copyable', true)],
  ['key.single-purpose', 'may not sign', flag('sign', false)],
  ['key.single-purpose', 'may decrypt', flag('decrypt', true)],
  ['key.single-purpose', 'may unwrap', flag('unwrap', true)],
  ['key.single-purpose', 'may derive', flag('derive', true)],
  ['key.single-purpose', 'decrypt requested and not there', { request: { decrypt: true } }],
  ['key.plain', 'a policy', { xml: { policy: emptyPolicy } }],
  ['key.plain', 'a blocked key', { xml: { policy: emptyPolicy.map((line) => line.replace('false', 'true')) } }],
  ['key.plain', 'a derived key', { xml: { derivationValue: { type: 'BIP32', value: '00' } } }],
  ['key.strength', 'RSA-1024', { keys: rsa1024 }],
  ['key.strength', 'exponent 3', { keys: exponent3 }],
  ['key.strength', 'P-224', { keys: ec('secp224r1') }],
  ['key.strength', 'a curve that the profile does not have', { keys: ec('prime256v1'), input: { allowedCurves: ['1.3.132.0.34'] } }],
  ['key.fresh', 'a key from before', { times: { created: new Date('2026-03-24T09:59:53Z') } }],
  ['key.fresh', 'an attestation from after', { times: { attested: new Date('2026-03-24T10:00:12Z') } }],
  ['key.fresh', 'attested before it was made', { times: { created: new Date('2026-03-24T10:00:04Z') } }],
  ['csr.same-key', 'the CSR of another key', { csr: { ...otherKeys } }],
  ['csr.same-key', 'another key created', { input: { createdPublicKey: otherKeys.publicKey.export({ type: 'spki', format: 'der' }) } }],
  // 7.6 CSR
  ['csr.well-formed', 'nothing', { csrText: () => '' }],
  ['csr.well-formed', 'two blocks', { csrText: (text) => text + text }],
  ['csr.well-formed', 'a private key behind it', { csrText: (text) => text + String(keys.privateKey.export({ type: 'pkcs8', format: 'pem' })) }],
  ['csr.well-formed', 'text before it', { csrText: (text) => `hello\n${text}` }],
  ['csr.well-formed', 'headers that differ', { csrText: (text) => text.replace('END NEW', 'END') }],
  ['csr.well-formed', 'a certificate', { csrText: () => pki.leaf.pem }],
  ['csr.well-formed', 'bytes behind the DER', csrDer((der) => Buffer.concat([der, Buffer.of(0)]))],
  ['csr.well-formed', 'an indefinite length', csrDer((der) => Buffer.concat([Buffer.of(0x30, 0x80), der.subarray(4), Buffer.of(0, 0)]))],
  ['csr.well-formed', 'a length with a leading zero', csrDer((der) => Buffer.concat([Buffer.of(0x30, 0x83, 0), der.subarray(2)]))],
  ['csr.well-formed', 'base64 with blanks', { csrText: (text) => text.replace('MII', 'MI I') }],
  ['csr.signature', 'a flipped bit of the signature', csrDer(flipped)],
  ['csr.signature', 'the signature of another key', { csr: { privateKey: otherKeys.privateKey } }],
  ['csr.signature', 'SHA-1', { csr: { algorithm: 'SHA1_WITH_RSA' } }],
  ['csr.subject', 'another value', { csr: { subject: { ...subject, commonName: 'Acme seal' } } }],
  ['csr.subject', 'a homoglyph', { csr: { subject: { ...subject, commonName: 'Аcme Seal' } } }],
  ['csr.subject', 'an attribute that the TSB dropped', { csr: { subject: { ...subject, organizationIdentifier: null } } }],
  ['csr.subject', 'an attribute more', { csr: { subject: { ...subject, title: 'Dr' } } }],
  ['csr.subject', 'an attribute injected', { csr: { subject: { ...subject, organizationName: 'Acme Ltd, O=Evil' } } }],
  ['csr.subject', 'a multi-valued part', { csr: { subject: { ...subject, organizationName: 'Acme Ltd+OU=Evil' } } }],
  ['csr.subject', 'the same attribute twice', { csr: { subject: nameOf(['C', 'CH'], ['C', 'CH'], ['CN', subject.commonName], ['O', subject.organizationName], ['2.5.4.97', subject.organizationIdentifier], ['L', subject.locality], ['EMAILADDRESS', subject.email]) } }],
  ['csr.subject', 'an attribute of an unknown type', { csr: { subject: nameOf(['C', 'CH'], ['2.5.4.5', '1'], ['CN', subject.commonName], ['O', subject.organizationName], ['2.5.4.97', subject.organizationIdentifier], ['L', subject.locality], ['EMAILADDRESS', subject.email]) } }],
  ['csr.subject', 'a multi-valued part of requested attributes', { csr: { subject: multiValued } }],
  ['csr.subject', 'a character that a PrintableString cannot have', { ...resigned(hexOf('Acme Seal'), hexOf('Acme*Seal')), request: { subject: { ...subject, commonName: 'Acme*Seal' } } }],
  ['csr.well-formed', 'version 2', resigned('020100', '020101')],
  ['csr.well-formed', 'critical written out as FALSE', resigned('0101ff', '010100')],
  ['csr.extensions', 'another key usage', { csr: { keyUsage: ['DIGITAL_SIGNATURE'] } }],
  ['csr.extensions', 'one key usage more', { csr: { keyUsage: ['CONTENT_COMMITMENT', 'DIGITAL_SIGNATURE'] } }],
  ['csr.extensions', 'no key usage', { csr: { keyUsage: [] } }],
  ['csr.extensions', 'an extended key usage', { csr: { extendedKeyUsage: ['ANY_EXTENDED_KEY_USAGE'] } }],
  ['csr.extensions', 'basic constraints', { csr: { extensions: [basicConstraints(true)] } }],
  ['csr.extensions', 'an alternative name', { csr: { extensions: [extension('2.5.29.17', false, sequence(Buffer.from([0x82, 1, 97])))] } }],
  ['csr.extensions', 'key usage twice', { csr: { extensions: [keyUsage('KEY_CERT_SIGN')] } }],
  ['csr.extensions', 'key usage with spare zero bits', csrWithAttributes(extensionRequest(extension('2.5.29.15', true, Buffer.from([3, 2, 5, 0x40]))))],
  ['csr.extensions', 'a challenge password beside', csrWithAttributes(extensionRequest(contentCommitment), sequence(oid('1.2.840.113549.1.9.7'), setOf(Buffer.from([0x13, 1, 97]))))],
  ['csr.extensions', 'two extension requests', csrWithAttributes(extensionRequest(contentCommitment), extensionRequest(subjectKeyIdentifier(keys.publicKey)))],
  ['csr.extensions', 'an extended key usage more than asked', { csr: { extendedKeyUsage: ['CODE_SIGNING', 'TIME_STAMPING'] }, request: { extendedKeyUsage: ['CODE_SIGNING'] } }],
]

const WARNINGS: readonly (readonly [id: string, what: string, change: Change])[] = [
  ['archive.complete', 'a file that does not belong', extra('notes.txt')],
  ['archive.complete', 'a private key', extra('key.pem', Buffer.from(String(keys.privateKey.export({ type: 'pkcs8', format: 'pem' }))))],
  ['archive.complete', 'two READMEs', extra('second.md')],
  ['archive.complete', 'a README whose name is a command', renamed('$(reboot).md')],
  ['chain.anchored', 'the chain file upside down', { chain: [pki.root, pki.device, pki.leaf] }],
  ['chain.anchored', 'the chain file shuffled', { chain: [pki.device, pki.leaf] }],
  ['chain.anchored', 'text beside the certificates', { files: (files) => files.set('PrimusHSM_Attestation.crt', Buffer.concat([Buffer.from('subject=CN = attestation-key\n'), files.get('PrimusHSM_Attestation.crt')!])) }],
  ['chain.device', 'another name of the device', { pki: deviceWith({ subject: vendorName('SOME HSM') }) }],
  ['chain.device', 'no device policy', { pki: deviceWith({ extensions: [keyUsage('KEY_CERT_SIGN'), basicConstraints(true, 0)] }) }],
  ['chain.device', "the root's policy", { pki: deviceWith({ extensions: [...vendorExtensions.device.slice(0, 2), certificatePolicies('1.3.6.1.4.1.44668.4.1.1')] }) }],
  ['csr.subject', 'a country that is no PrintableString', resigned('06035504061302', '06035504060c02')],
  ['key.well-formed', 'an unknown element', replace('<attributes>', '<exported>true</exported><attributes>')],
  ['key.well-formed', 'an unknown flag', flag('quantum_safe', true)],
  ['key.well-formed', 'an unknown attribute', replace('<label>', '<label lang="en">')],
  ['key.plain', 'a key that is not unique', flag('unique', false)],
  ['key.plain', 'a key that is modifiable', flag('modifiable', true)],
  ['key.strength', 'secp256k1', { keys: ec('secp256k1') }],
  ['key.unused', 'three uses', { useCount: 3 }],
]

for (const [id, what, change] of FAILURES) {
  test(`${id} alone fails: ${what}`, async () => {
    const result = await verifyCase(change)
    assert.deepEqual(idsWith(result, 'failed'), [id], JSON.stringify(result.report.checks.filter(({ outcome }) => outcome !== 'passed'), null, 1))
    assert.equal(result.report.verdict, 'failed')
    assert.equal(result.files, undefined)
    assert.deepEqual(result.report.checks.map((check) => check.id), ALL_IDS)
    assert.deepEqual(idsWith(result, 'warning').filter((warned) => warned !== 'chain.device'), [])
  })
}

for (const [id, what, change] of WARNINGS) {
  test(`${id} alone warns: ${what}`, async () => {
    const result = await verifyCase(change)
    assert.deepEqual(result.report.checks.filter(({ outcome }) => outcome !== 'passed').map((check) => [check.id, check.outcome]), [[id, 'warning']])
    assert.equal(result.report.verdict, 'passed')
  })
}

test('every check is killed by at least one mutation', () => {
  const killed = new Set([...FAILURES, ...WARNINGS].map(([id]) => id))
  assert.deepEqual(ALL_IDS.filter((id) => !killed.has(id)), [])
})

test('refuses the forgery that the documented procedure accepts: genuine certificates, own key, own signature', async () => {
  const forger = { leaf: { ...pki.leaf, ...otherKeys }, attestationKey: 'rsa' } as const
  const result = await verifyCase({
    files: (files) => {
      files.set(`${LABEL}.sig`, signAttestation(forger, files.get(`${LABEL}.xml`)!))
      files.set('PrimusHSM_Attestation_PublicKey.pem', publicPem(otherKeys))
    },
  })
  assert.deepEqual(idsWith(result, 'failed'), ['chain.public-key', 'signature.valid'])
  assert.equal(result.evidence.attestedKey, undefined)
})

test('warns and does not pass on what does not belong', async () => {
  const { files } = await verifyCase({ files: (map) => map.set('evil.md', Buffer.from('x')) })
  assert.equal(files?.readme, undefined)
})

test('collects failures that do not rest on each other', async () => {
  const result = await verifyCase({ flags: { extractable: true, copyable: true }, csr: { algorithm: 'SHA1_WITH_RSA' }, csrText: (text) => text })
  assert.deepEqual(idsWith(result, 'failed'), ['key.not-extractable', 'key.not-copyable', 'csr.signature'])
})

test('extended key usage requested as critical and as not critical both pass', async () => {
  for (const critical of [true, false]) {
    const result = await verifyCase({ csr: { extensions: [extendedKeyUsage(['CODE_SIGNING'], critical)] }, request: { extendedKeyUsage: ['CODE_SIGNING'] } })
    assert.equal(result.report.verdict, 'passed')
  }
})
