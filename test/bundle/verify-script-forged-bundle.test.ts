import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runVerify } from '../../src/commands/verify.ts'
import { attestationXml } from '../../src/simulator/attestation-xml.ts'
import { createCsr, csrPem } from '../../src/simulator/csr.ts'
import { zipFiles } from '../../src/simulator/export-zip.ts'
import { createPki, signAttestation, type KeyPair } from '../../src/simulator/pki.ts'
import { LABEL, pki, subject, times, verifiedAt } from '../evidence/good-case.ts'
import { order, startService } from '../support/service.ts'
import { filesOf, put, runScript, unpack } from './unpacked.ts'

// Section 0 of the research, in full: the attacker has a genuine certificate chain, which is no secret, and nothing of the HSM. The key is made in
// software, the attacker states what an HSM would state of it, signs that with a key of their own, and puts that key's PEM into the zip.
const attacker = await createPki({ attestationKey: 'ec', caKey: 'ec' })
const softwareKey: KeyPair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const KEY_FILE = 'PrimusHSM_Attestation_PublicKey.pem'

/** Puts the forgery over an export's own files; its chain stays. */
function forge(files: Map<string, Uint8Array>, label: string, at = times): Map<string, Uint8Array> {
  const xml = Buffer.from(attestationXml({ label, publicKey: softwareKey.publicKey, useCount: 1 }, at))
  files.set(`${label}.xml`, xml)
  files.set(`${label}.sig`, signAttestation(attacker, xml))
  return files.set(KEY_FILE, Buffer.from(attacker.leaf.publicKey.export({ type: 'spki', format: 'pem' })))
}

const forgedCsr = createCsr({ subject, ...softwareKey, keyUsage: ['CONTENT_COMMITMENT'] })
const forged = forge(await filesOf({ csrText: () => csrPem(forgedCsr).replaceAll('NEW ', '') }), LABEL)

/** KeyAttestation.md 4.2 to 4.5, word for word but for the file names. The shell's exit code is that of the first command that fails. */
const VENDORS_COMMANDS = `set -e
openssl verify -CAfile hsm_rsa_root.crt -untrusted PrimusHSM_Attestation.crt PrimusHSM_Attestation.crt
openssl dgst -verify PrimusHSM_Attestation_PublicKey.pem -sha256 -signature ${LABEL}.sig ${LABEL}.xml
openssl req -in ${LABEL}.csr -noout -pubkey -out SigningKeyCsrPubKey.pem
openssl asn1parse -noout -in SigningKeyCsrPubKey.pem -out SigningKeyCsrPubKey.der
grep public_key ${LABEL}.xml | sed -e 's,[^>]*>,,' -e's,<.*,,' | base64 -d > SigningKeyAttestationFilePubKey.der
cmp SigningKeyCsrPubKey.der SigningKeyAttestationFilePubKey.der && echo 'same key'
grep '<extractable>false</extractable>' ${LABEL}.xml
grep '<never_extractable>true</never_extractable>' ${LABEL}.xml`

test("the vendor's own commands accept the forged bundle", () => {
  const folder = unpack(forged)
  writeFileSync(join(folder, 'hsm_rsa_root.crt'), pki.root.pem)
  const output = execFileSync('sh', ['-c', VENDORS_COMMANDS], { cwd: folder, encoding: 'utf8' })
  assert.match(output, /^PrimusHSM_Attestation\.crt: OK\nVerified OK\nsame key\n\s*<extractable>false.*\n\s*<never_extractable>true.*\n$/)
})

test('verify.sh refuses it: the key file is not the key of the verified certificate', () => {
  const { fail, code, verdict } = runScript([put('hsm_rsa_root.crt', pki.root.pem), unpack(forged)])
  assert.deepEqual(fail, ["public key file: its key is not the key of the attestation certificate, so the vendor's commands would verify with the sender's own key"])
  assert.deepEqual([code, verdict.slice(0, 7)], [1, 'REFUSED'])
})

test('verify.sh refuses it with the genuine key file, too: the signature is not by that key', async () => {
  const { fail, code } = runScript([put('root.crt', pki.root.pem), unpack(new Map(forged).set(KEY_FILE, (await filesOf()).get(KEY_FILE)!))])
  assert.deepEqual([fail, code], [['signature: the attestation is not signed by the attestation certificate'], 1])
})

test('npm run verify refuses it, as an export with a CSR and as a bundle with a manifest', async () => {
  const anchors = put('root.pem', pki.root.pem)
  const csr = `${LABEL}.csr`
  const exported = put('export.zip', await zipFiles(new Map([...forged].filter(([name]) => name !== csr))))
  const list = [...forged].map(([name, bytes]) => ({ name, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }))
  const bundle = put('bundle.zip', await zipFiles(new Map([...forged, ['manifest.json', Buffer.from(JSON.stringify({ files: list }))]])))
  for (const args of [[exported, '--csr', put('a.csr', forged.get(csr)!)], [bundle]]) {
    const { exitCode, output } = await runVerify([...args, '--trust-anchors', anchors, '--json'], { now: verifiedAt, colour: false })
    const { verdict, checks } = JSON.parse(output) as { verdict: string; checks: { id: string; outcome: string }[] }
    assert.deepEqual([exitCode, verdict], [1, 'failed'])
    assert.deepEqual(checks.filter(({ outcome }) => outcome === 'failed').map(({ id }) => id), ['chain.public-key', 'signature.valid'])
  }
})

test('the service refuses it, and leaves no key', async (t) => {
  const service = await startService({
    simulator: {
      alter: {
        csr: () => csrPem(createCsr({ subject: { commonName: 'Example Seal', country: 'CH', organizationName: 'Example AG' }, ...softwareKey, keyUsage: ['CONTENT_COMMITMENT'] })),
        exportFiles: (files, key) => forge(files, key.label, { created: new Date(), attested: new Date() }),
      },
    },
  })
  t.after(() => service.stop())
  const answer = await service.post(order('forged', {}, { keyUsage: ['CONTENT_COMMITMENT'] }))
  const problem = await answer.json() as { code: string; transaction: { rollback: string }; verification: { checks: { id: string; outcome: string }[] } }
  assert.deepEqual([problem.code, problem.transaction.rollback], ['evidence-rejected', 'done'])
  assert.deepEqual(problem.verification.checks.filter(({ outcome }) => outcome === 'failed').map(({ id }) => id), ['chain.public-key', 'signature.valid'])
  assert.deepEqual([service.simulator.labels(), service.simulator.certificates()], [[], []])
})
