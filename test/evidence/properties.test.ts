import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import JSZip from 'jszip'
import { LIMITS } from '../../src/evidence/archive.ts'
import { verifyBundle, verifyEvidence } from '../../src/evidence/verify-evidence.ts'
import type { EvidenceInput, EvidenceResult } from '../../src/evidence/evidence.ts'
import { signAttestation } from '../../src/simulator/pki.ts'
import { ALL_IDS, idsWith, keys, LABEL, makeCase, pki, README } from './good-case.ts'
import { rawZip } from './raw-zip.ts'

// fast-check prints seed, path and the smallest counterexample of a property that fails: `fc.assert(…, { seed, path })` plays it again.
//
// The design asks that nothing takes longer than a second. A test that measures time fails on a busy machine and proves nothing on a fast one, so
// none here does: what bounds the time is the size of what is looked at, and `refuses what is over a limit` asserts those bounds.
const RUNS = { numRuns: 60 }

const filesOf = async ({ attestationExport }: EvidenceInput): Promise<Map<string, Uint8Array>> => {
  const { files } = await JSZip.loadAsync(attestationExport)
  return new Map(await Promise.all(Object.values(files).map(async (file) => [file.name, await file.async('uint8array')] as const)))
}
const zipOf = (files: Iterable<readonly [string, Uint8Array]>): Buffer => rawZip([...files].map(([name, bytes]) => ({ name, bytes, method: 0 })))

const good = await makeCase()
const goodFiles = await filesOf(good)
const reference = await verifyEvidence(good)
/** Genuine evidence of the same HSM for another key under another label: what an insider would splice in. */
const other = await makeCase({ keys: generateKeyPairSync('rsa', { modulusLength: 2048 }), xml: { label: 'qtsp-seal-02' } })
const otherFiles = await filesOf(other)

const XML = `${LABEL}.xml`
const SIG = `${LABEL}.sig`
const CRT = 'PrimusHSM_Attestation.crt'
const PEM = 'PrimusHSM_Attestation_PublicKey.pem'
const csrDer = Buffer.from(good.csr.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64')
const pem = (der: Uint8Array): string => `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`

/** Every check has its say, whatever came in, and files are handed on only with the verdict. */
async function judged(input: EvidenceInput): Promise<EvidenceResult> {
  const result = await verifyEvidence(input)
  assert.deepEqual(result.report.checks.map(({ id }) => id), ALL_IDS)
  assert.equal(result.files !== undefined, result.report.verdict === 'passed')
  return result
}

async function assertRefused(input: EvidenceInput): Promise<void> {
  assert.equal((await judged(input)).report.verdict, 'failed')
}

/** Other bytes may pass only where they say the same: dates in a zip, blanks in a PEM. */
async function assertRefusedOrSame(input: EvidenceInput): Promise<void> {
  const { report, files } = await judged(input)
  if (files === undefined) return
  for (const part of ['xml', 'signature', 'csrDer'] as const) assert.deepEqual(files[part], reference.files![part])
  assert.deepEqual(report.facts, reference.report.facts)
}

/** Cuts a piece out of `bytes` and puts another in its place: noise, or a piece of `donor`. */
function splices(bytes: Uint8Array, donor: Uint8Array): fc.Arbitrary<Buffer> {
  const place = fc.record({ at: fc.nat(bytes.length), removed: fc.nat(64) })
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.record({ from: fc.nat(donor.length), length: fc.nat(300) }).map(({ from, length }) => donor.subarray(from, from + length)),
  )
  return fc.tuple(place, piece).map(([{ at, removed }, inserted]) => Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + removed)]))
}

/** Any code points, halves of surrogate pairs too. Not `fc.string({ unit: 'binary' })`, which lists all 1.1 million of them first: a second of computing. */
const anyText = fc.array(fc.nat(0x10ffff), { maxLength: 500 }).map((points) => String.fromCodePoint(...points))

test('random bytes never throw and never pass, as an export, a bundle, a CSR and a public key', async () => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), anyText, async (bytes, text) => {
    await assertRefused({ ...good, attestationExport: bytes })
    await assertRefused({ ...good, csr: text })
    await assertRefused({ ...good, csr: pem(bytes) })
    await assertRefused({ ...good, createdPublicKey: bytes })
    assert.equal((await verifyBundle({ ...good, attestationExport: bytes })).report.verdict, 'failed')
  }), RUNS)
})

test('random bytes never pass in place of a file of the export', async () => {
  await fc.assert(fc.asyncProperty(fc.constantFrom(XML, SIG, CRT, PEM), fc.uint8Array({ maxLength: 2000 }), async (name, bytes) => {
    await assertRefused({ ...good, attestationExport: zipOf(new Map(goodFiles).set(name, bytes)) })
  }), RUNS)
})

test('a truncated export, file or CSR never passes', async () => {
  const truncated = (bytes: Uint8Array): fc.Arbitrary<Uint8Array> => fc.nat(bytes.length - 1).map((length) => bytes.subarray(0, length))
  await fc.assert(fc.asyncProperty(truncated(good.attestationExport), truncated(csrDer), async (zip, der) => {
    await assertRefused({ ...good, attestationExport: zip })
    await assertRefused({ ...good, csr: pem(der) })
  }), RUNS)
  await fc.assert(fc.asyncProperty(fc.constantFrom(XML, SIG), fc.nat(10_000), async (name, length) => {
    const bytes = goodFiles.get(name)!
    await assertRefused({ ...good, attestationExport: zipOf(new Map(goodFiles).set(name, bytes.subarray(0, length % bytes.length))) })
  }), RUNS)
})

test('a spliced export never passes with other content', async () => {
  await fc.assert(fc.asyncProperty(splices(good.attestationExport, other.attestationExport), async (zip) => {
    await assertRefusedOrSame({ ...good, attestationExport: zip })
  }), RUNS)
})

test('a spliced file never passes with other content', async () => {
  const spliced = fc.constantFrom(...goodFiles.keys()).chain((name) => {
    return splices(goodFiles.get(name)!, otherFiles.get(name)!).map((bytes) => [name, bytes] as const)
  })
  await fc.assert(fc.asyncProperty(spliced, async ([name, bytes]) => {
    await assertRefusedOrSame({ ...good, attestationExport: zipOf(new Map(goodFiles).set(name, bytes)) })
  }), RUNS)
})

test('a spliced CSR never passes with other content, neither as text nor as DER', async () => {
  const donor = Buffer.from(other.csr.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64')
  await fc.assert(fc.asyncProperty(splices(Buffer.from(good.csr), Buffer.from(other.csr)), splices(csrDer, donor), async (text, der) => {
    await assertRefusedOrSame({ ...good, csr: text.toString('latin1') })
    if (!der.equals(csrDer)) await assertRefused({ ...good, csr: pem(der) })
  }), RUNS)
})

test('parts of two genuine bundles pass only unmixed', async () => {
  await fc.assert(fc.asyncProperty(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean(), async (xml, signature, csr, created) => {
    const files = new Map(goodFiles)
    if (xml) files.set(XML, otherFiles.get(XML)!)
    if (signature) files.set(SIG, otherFiles.get(SIG)!)
    const { report } = await judged({
      ...good, attestationExport: zipOf(files), csr: csr ? other.csr : good.csr, createdPublicKey: (created ? other : good).createdPublicKey!,
    })
    assert.equal(report.verdict, xml || signature || csr || created ? 'failed' : 'passed')
  }), { numRuns: 60 })
})

test('an HSM that signs damaged XML is never believed beyond what a key must be', async () => {
  const xml = goodFiles.get(XML)!
  await fc.assert(fc.asyncProperty(splices(xml, xml), async (damaged) => {
    const files = new Map(goodFiles).set(XML, damaged).set(SIG, signAttestation(pki, damaged))
    const { report, evidence } = await judged({ ...good, attestationExport: zipOf(files) })
    if (report.verdict !== 'passed') return
    const { attributes, creation, storage, label, publicKey } = evidence.attestedKey!
    assert.deepEqual([creation, storage, label], ['generated', undefined, LABEL])
    assert.deepEqual(Buffer.from(publicKey), keys.publicKey.export({ type: 'spki', format: 'der' }))
    const { extractable, never_extractable, sensitive, always_sensitive, copyable, sign, decrypt, unwrap, derive } = attributes
    assert.deepEqual([extractable, copyable, decrypt, unwrap, derive, never_extractable, sensitive, always_sensitive, sign], [false, false, false, false, false, true, true, true, true])
  }), { numRuns: 60 })
})

test('the order of files says nothing, and that of certificates only what the documented commands would check', async () => {
  const chain = fc.shuffledSubarray([pki.leaf, pki.device, pki.root], { minLength: 3 }).map((certificates) => Buffer.from(certificates.map((each) => each.pem).join('')))
  await fc.assert(fc.asyncProperty(fc.shuffledSubarray([...goodFiles.keys()], { minLength: goodFiles.size }), chain, async (names, certificates) => {
    const files = names.map((name) => [name, name === CRT ? certificates : goodFiles.get(name)!] as const)
    const leafFirst = certificates.toString().startsWith(pki.leaf.pem)
    const result = await judged({ ...good, attestationExport: zipOf(files) })
    assert.deepEqual(idsWith(result, 'warning'), leafFirst ? [] : ['chain.anchored'])
    assert.equal(result.report.verdict, 'passed')
  }), { numRuns: 60 })
})

test('refuses what is over a limit, so that the time it takes is bounded', async () => {
  const failedBy = async (input: EvidenceInput): Promise<string[]> => idsWith(await judged(input), 'failed')
  const withFile = (name: string, bytes: Uint8Array): EvidenceInput => ({ ...good, attestationExport: zipOf(new Map(goodFiles).set(name, bytes)) })
  const signed = (xml: Buffer): EvidenceInput => ({ ...good, attestationExport: zipOf(new Map(goodFiles).set(XML, xml).set(SIG, signAttestation(pki, xml))) })
  const padded = (inserted: string): Buffer => Buffer.from(Buffer.from(goodFiles.get(XML)!).toString().replace('<attributes>', `${inserted}<attributes>`))
  await fc.assert(fc.asyncProperty(fc.nat(5000), async (over) => {
    assert.deepEqual(await failedBy({ ...good, attestationExport: Buffer.alloc(LIMITS.archiveBytes + 1 + over) }), ['archive.readable'])
    assert.deepEqual(await failedBy(withFile(README, Buffer.alloc(1024 * 1024 + 1 + over))), ['archive.readable'])
    assert.deepEqual(await failedBy({ ...good, csr: good.csr + '\n'.repeat(64 * 1024 + over) }), ['csr.well-formed'])
    assert.deepEqual(await failedBy(signed(padded(' '.repeat(256 * 1024 + over)))), ['key.well-formed'])
    assert.deepEqual(await failedBy(signed(padded('<x/>'.repeat(5001 + over)))), ['key.well-formed'])
    assert.deepEqual(await failedBy(signed(padded('<x>'.repeat(9 + over) + '</x>'.repeat(9 + over)))), ['key.well-formed'])
    assert.deepEqual(await failedBy(withFile(CRT, Buffer.from(pki.leaf.pem.repeat(5 + over % 50)))), ['chain.anchored'])
  }), { numRuns: 10 })
  await fc.assert(fc.asyncProperty(fc.integer({ min: 21, max: 3000 }), async (count) => {
    const more = Array.from({ length: count - goodFiles.size }, (_, n) => [`${n}.md`, Buffer.from('x')] as const)
    assert.deepEqual(await failedBy({ ...good, attestationExport: zipOf([...goodFiles, ...more]) }), ['archive.readable'])
  }), { numRuns: 10 })
})
