import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { createCsr, csrPem, type CsrContent } from '../../src/simulator/csr.ts'
import { requestAlgorithms } from '../../src/simulator/signatures.ts'
import { openssl } from './openssl.ts'

const pairs = {
  RSA: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ECDSA: generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
  EDDSA: generateKeyPairSync('ed25519'),
}
const pem = (content: Partial<CsrContent>): string => csrPem(createCsr({ ...pairs.ECDSA, subject: { commonName: 'Acme' }, ...content }))
const subjectOf = async (subject: CsrContent['subject'], nameopt = 'oneline'): Promise<string> =>
  (await openssl({ 'c.csr': pem({ subject }) }, 'req', '-in', 'c.csr', '-noout', '-subject', '-nameopt', `${nameopt},-esc_msb,utf8`)).text.trim()

for (const algorithm of requestAlgorithms) {
  test(`openssl verifies a CSR signed with ${algorithm}`, async () => {
    const keys = pairs[algorithm.endsWith('RSA') ? 'RSA' : algorithm.endsWith('ECDSA') ? 'ECDSA' : 'EDDSA']
    const { code, text } = await openssl({ 'c.csr': pem({ ...keys, algorithm }) }, 'req', '-in', 'c.csr', '-noout', '-verify')
    assert.match(text, /self-signature verify OK/)
    assert.equal(code, 0)
  })
}

test('is PEM with keytool’s header, lines of 64 and a final line feed', () => {
  const lines = pem({}).split('\n')
  assert.equal(lines.at(0), '-----BEGIN NEW CERTIFICATE REQUEST-----')
  assert.deepEqual(lines.slice(-2), ['-----END NEW CERTIFICATE REQUEST-----', ''])
  assert.ok(lines.slice(1, -3).every((line) => line.length === 64))
})

test('writes the subject in keytool’s order, drops the pseudonym', async () => {
  assert.equal(await subjectOf({
    commonName: 'N', organizationUnitName: 'U', organizationName: 'G', organizationIdentifier: 'VATCH-1', locality: 'L', stateOrProvinceName: 'S',
    country: 'CH', email: 'a@b.ch', title: 'Dr', surname: 'Sur', givenName: 'Giv', initials: 'I', generationQualifier: 'III', pseudonym: 'P',
  }), 'subject=generationQualifier = III, initials = I, GN = Giv, SN = Sur, title = Dr, emailAddress = a@b.ch, C = CH, ST = S, L = L, '
    + 'organizationIdentifier = VATCH-1, O = G, OU = U, CN = N')
})

test('uses PrintableString where it can, UTF8String otherwise, IA5String for e-mail', async () => {
  assert.equal(await subjectOf({ commonName: 'Zürich_1', organizationName: 'Acme (AG)', email: 'a@b.ch' }, 'oneline,show_type'),
    'subject=emailAddress = IA5STRING:a@b.ch, O = PRINTABLESTRING:Acme (AG), CN = UTF8STRING:Zürich_1')
})

test('a value can inject a relative name, as at the real one', async () => {
  assert.equal(await subjectOf({ commonName: 'N', organizationName: 'Acme, O=Evil' }), 'subject=O = Evil, O = Acme, CN = N')
  assert.equal(await subjectOf({ commonName: 'N', organizationName: 'Acme+L=There' }), 'subject=O = Acme + L = There, CN = N')
})

test('takes an escaped comma and strips quotes', async () => {
  assert.equal(await subjectOf({ commonName: 'N', organizationName: 'Acme\\, Inc.' }), 'subject=O = "Acme, Inc.", CN = N')
  assert.equal(await subjectOf({ commonName: 'N', organizationName: '"Acme, Inc."' }), 'subject=O = "Acme, Inc.", CN = N')
})

for (const [value, error] of [
  ['Acme, Inc.', 'Incorrect AVA format'], ['A+B', 'Incorrect AVA format'], ['A, X=1', 'Invalid keyword "X"'],
  ['A<B', 'Character \'<\' in AVA appears without escaping'], ['A\\q', 'Invalid escaped character in AVA'],
] as const) {
  test(`refuses the value ${value}`, () => {
    assert.throws(() => pem({ subject: { commonName: 'N', organizationName: value } }), new Error(error))
  })
}

const extensionsOf = async (content: Partial<CsrContent>): Promise<string> =>
  (await openssl({ 'c.csr': pem(content) }, 'req', '-in', 'c.csr', '-noout', '-text')).text.replace(/^[^]*Requested Extensions:\n|( *Signature Algorithm:[^]*)$/g, '')

test('asks for critical usages and a subject key identifier, in this order', async () => {
  assert.match(await extensionsOf({ keyUsage: ['DIGITAL_SIGNATURE', 'CONTENT_COMMITMENT'], extendedKeyUsage: ['ANY_EXTENDED_KEY_USAGE', 'CODE_SIGNING'] }),
    /^ *X509v3 Extended Key Usage: critical\n *Any Extended Key Usage, Code Signing\n *X509v3 Key Usage: critical\n *Digital Signature, Non Repudiation\n *X509v3 Subject Key Identifier: \n *[0-9A-F:]{59}\n$/)
  assert.match(await extensionsOf({ keyUsage: ['DECIPHER_ONLY'] }), /^ *X509v3 Key Usage: critical\n *Decipher Only\n *X509v3 Subject Key Id/)
})

test('asks for no usage when the lists are empty', async () => {
  assert.match(await extensionsOf({ keyUsage: [], extendedKeyUsage: [] }), /^ *X509v3 Subject Key Identifier: \n *[0-9A-F:]{59}\n$/)
})

test('the subject key identifier is the one that openssl computes', async () => {
  const { text: csr } = await openssl({ 'c.csr': pem(pairs.RSA) }, 'req', '-in', 'c.csr', '-noout', '-text')
  const key = String(pairs.RSA.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const { text: own } = await openssl({ 'k.pem': key, 'o.cnf': '[req]\ndistinguished_name=dn\n[dn]\n[x]\nsubjectKeyIdentifier=hash\n' },
    'req', '-new', '-key', 'k.pem', '-subj', '/CN=x', '-config', 'o.cnf', '-reqexts', 'x', '-text', '-noout')
  const identifier = /Subject Key Identifier: \n\s*([0-9A-F:]{59})/
  assert.equal(identifier.exec(csr)?.[1], identifier.exec(own)?.[1])
})
