import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { basicConstraints } from '../../src/simulator/extensions.ts'
import { certify, createPki, ecKeys, signAttestation, vendorExtensions, vendorName } from '../../src/simulator/pki.ts'
import { openssl } from './openssl.ts'

const small = { root: 2048, device: 2048, leaf: 2048 }
const rsa = await createPki({ bits: small })
const pss = { ...rsa, attestationKey: 'rsa-pss' } as const
const ec = await createPki({ attestationKey: 'ec', caKey: 'ec' })

const verifyChain = ({ root, device, leaf }: typeof rsa) =>
  openssl({ 'root.pem': root.pem, 'device.pem': device.pem, 'leaf.pem': leaf.pem }, 'verify', '-x509_strict', '-CAfile', 'root.pem', '-untrusted', 'device.pem', 'leaf.pem')

for (const [kind, pki] of Object.entries({ rsa, ec })) {
  test(`openssl verifies the ${kind} chain`, async () => {
    const { device, leaf, root } = pki
    const files = { 'root.pem': root.pem, 'device.pem': device.pem, 'leaf.pem': leaf.pem }
    assert.deepEqual(await openssl(files, 'verify', '-CAfile', 'root.pem', '-untrusted', 'device.pem', 'leaf.pem'), { code: 0, text: 'leaf.pem: OK\n' })
  })
}

test('openssl refuses the chain under another root of the same name', async () => {
  const { text } = await verifyChain({ ...rsa, root: ec.root })
  assert.match(text, /leaf\.pem: verification failed/)
})

const described = async (pem: string) =>
  (await openssl({ 'c.pem': pem }, 'x509', '-in', 'c.pem', '-noout', '-subject', '-nameopt', 'RFC2253,show_type', '-ext',
    'keyUsage,basicConstraints,certificatePolicies,subjectKeyIdentifier,authorityKeyIdentifier')).text.replace(/No extensions matches.*\n/, '')

test('has the names and extensions of the vendor, and says that it is a simulator', async () => {
  assert.equal(await described(rsa.root.pem), [
    'subject=ST=PRINTABLESTRING:ZH,O=PRINTABLESTRING:TSB simulator,L=PRINTABLESTRING:Zurich,C=PRINTABLESTRING:CH,CN=UTF8STRING:PRIMUS_HSM_ROOTKEY',
    'X509v3 Key Usage: critical', '    Non Repudiation, Certificate Sign, CRL Sign',
    'X509v3 Basic Constraints: critical', '    CA:TRUE, pathlen:1',
    'X509v3 Certificate Policies: ', '    Policy: 1.3.6.1.4.1.44668.4.1.1', ''].join('\n'))
  assert.equal(await described(rsa.device.pem), [
    'subject=ST=PRINTABLESTRING:ZH,O=PRINTABLESTRING:TSB simulator,L=PRINTABLESTRING:Zurich,C=PRINTABLESTRING:CH,'
    + 'CN=PRINTABLESTRING:PRIMUS HSM KEY (SN: 00000000)',
    'X509v3 Key Usage: critical', '    Non Repudiation, Certificate Sign, CRL Sign',
    'X509v3 Basic Constraints: critical', '    CA:TRUE, pathlen:0',
    'X509v3 Certificate Policies: ', '    Policy: 1.3.6.1.4.1.44668.4.1.3', ''].join('\n'))
  assert.equal(await described(rsa.leaf.pem), [
    'subject=ST=PRINTABLESTRING:ZH,O=PRINTABLESTRING:TSB simulator,L=PRINTABLESTRING:Zurich,C=PRINTABLESTRING:CH,CN=PRINTABLESTRING:attestation-key',
    'X509v3 Key Usage: critical', '    Digital Signature, Non Repudiation',
    'X509v3 Basic Constraints: critical', '    CA:FALSE', ''].join('\n'))
})

test('signs certificates with SHA-256 and ends them all at the same time, past 2050', () => {
  for (const { der } of [rsa.root, rsa.device, rsa.leaf]) {
    const certificate = new X509Certificate(der)
    assert.equal(certificate.signatureAlgorithm, 'sha256WithRSAEncryption')
    assert.equal(certificate.validTo, 'Aug 14 12:00:00 2054 GMT')
    assert.match(certificate.serialNumber, /^[4-7][0-9A-F]{31}$/)
  }
  assert.equal(new X509Certificate(ec.leaf.der).signatureAlgorithm, 'ecdsa-with-SHA256')
})

const xml = Buffer.from('<private_key>\n</private_key>\n\n')
const dgst = (pki: Pick<typeof rsa, 'leaf'>, signature: Uint8Array, ...options: string[]) => openssl({
  'key.pem': String(pki.leaf.publicKey.export({ type: 'spki', format: 'pem' })), 'k.xml': xml, 'k.sig': signature,
}, 'dgst', '-sha256', ...options, '-verify', 'key.pem', '-signature', 'k.sig', 'k.xml')
const asPss = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32', '-sigopt', 'rsa_mgf1_md:sha256']

test('an rsa attestation key signs PKCS#1 v1.5 and not PSS', async () => {
  const signature = signAttestation(rsa, xml)
  assert.deepEqual(await dgst(rsa, signature), { code: 0, text: 'Verified OK\n' })
  assert.equal((await dgst(rsa, signature, ...asPss)).code, 1)
})

test('an rsa-pss attestation key signs PSS with a salt of 32 and not PKCS#1 v1.5', async () => {
  const signature = signAttestation(pss, xml)
  assert.deepEqual(await dgst(pss, signature, ...asPss), { code: 0, text: 'Verified OK\n' })
  assert.equal((await dgst(pss, signature)).code, 1)
})

test('an ec attestation key signs ECDSA in DER', async () => {
  assert.deepEqual(await dgst(ec, signAttestation(ec, xml)), { code: 0, text: 'Verified OK\n' })
})

test('a test can forge beside the hierarchy: a device that is no CA', async () => {
  const device = certify(await ecKeys(), { subject: vendorName('PRIMUS HSM KEY (SN: 00000000)'), extensions: [basicConstraints(false)] }, ec.root)
  const leaf = certify(await ecKeys(), { subject: vendorName('attestation-key'), extensions: vendorExtensions.leaf }, device)
  assert.match((await verifyChain({ ...ec, device, leaf })).text, /invalid CA certificate/)
})
