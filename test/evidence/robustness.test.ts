import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { verifyBundle, verifyEvidence } from '../../src/evidence/verify-evidence.ts'
import type { EvidenceInput, EvidenceResult } from '../../src/evidence/evidence.ts'
import { ALL_IDS, LABEL, makeCase } from './good-case.ts'
import { entriesOf, rawZip } from './raw-zip.ts'

const FOLDER = new URL('../../src/evidence/', import.meta.url)

/** Mulberry32: the same damage on every run, so that a failure can be looked at. */
function generator(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

/** Truncates, flips a bit, cuts a piece out, doubles a piece, or overwrites a piece with another. */
function damage(bytes: Buffer, next: (below: number) => number): Buffer {
  const at = next(bytes.length)
  const length = 1 + next(16)
  const copy = Buffer.from(bytes)
  switch (next(5)) {
    case 0: return copy.subarray(0, at)
    case 1: copy[at]! ^= 1 << next(8); return copy
    case 2: return Buffer.concat([copy.subarray(0, at), copy.subarray(at + length)])
    case 3: return Buffer.concat([copy.subarray(0, at + length), copy.subarray(at)])
    default: copy.copy(copy, at, next(bytes.length)); return copy
  }
}

const good = await makeCase()
const reference = await verifyEvidence(good)

function assertJudged(result: EvidenceResult): void {
  assert.deepEqual(result.report.checks.map(({ id }) => id), ALL_IDS)
  assert.equal(result.files !== undefined, result.report.verdict === 'passed')
}

/** Bytes that differ from the good ones may pass only where the difference says nothing: then all that is handed on is the same. */
async function assertRefusedOrSame(input: EvidenceInput, what: string): Promise<void> {
  const result = await verifyEvidence(input)
  assertJudged(result)
  if (result.report.verdict !== 'passed') return
  assert.deepEqual({ ...result.files, readme: undefined, certificates: undefined, publicKey: undefined }, { ...reference.files, readme: undefined, certificates: undefined, publicKey: undefined }, what)
  assert.deepEqual(result.report.facts, reference.report.facts, what)
}

test('the zip in 400 kinds of damage: never throws, never passes with other content', async () => {
  const next = generator(1)
  for (let i = 0; i < 400; i += 1) await assertRefusedOrSame({ ...good, attestationExport: damage(Buffer.from(good.attestationExport), next) }, `case ${i}`)
})

test('the CSR in 300 kinds of damage: never throws, never passes with other content', async () => {
  const next = generator(2)
  for (let i = 0; i < 300; i += 1) await assertRefusedOrSame({ ...good, csr: damage(Buffer.from(good.csr), next).toString('latin1') }, `case ${i}`)
})

test("the CSR's DER in 300 kinds of damage: never throws, never passes", async () => {
  const next = generator(3)
  const der = Buffer.from(good.csr.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64')
  for (let i = 0; i < 300; i += 1) {
    const damaged = damage(der, next)
    if (damaged.equals(der)) continue
    const result = await verifyEvidence({ ...good, csr: `-----BEGIN CERTIFICATE REQUEST-----\n${damaged.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n` })
    assertJudged(result)
    assert.equal(result.report.verdict, 'failed', `case ${i}`)
  }
})

test('each file of the zip in 100 kinds of damage: never throws, never passes with other content', async () => {
  const next = generator(4)
  const files = await filesOf(good)
  for (const name of files.keys()) {
    for (let i = 0; i < 100; i += 1) {
      const changed = new Map<string, Uint8Array>(files).set(name, damage(Buffer.from(files.get(name)!), next))
      await assertRefusedOrSame({ ...good, attestationExport: rawZip(entriesOf(changed)) }, `${name} case ${i}`)
    }
  }
})

async function filesOf(input: EvidenceInput): Promise<Map<string, Uint8Array>> {
  const { files } = await verifyEvidence(input)
  return new Map([
    [`${LABEL}.xml`, files!.xml], [`${LABEL}.sig`, files!.signature], ['PrimusHSM_Attestation.crt', files!.certificates],
    ['PrimusHSM_Attestation_PublicKey.pem', files!.publicKey], [files!.readme!.name, files!.readme!.bytes],
  ])
}

test('noise of any length: never throws, never passes', async () => {
  const next = generator(5)
  for (let i = 0; i < 200; i += 1) {
    const noise = Buffer.from(Array.from({ length: next(400) }, () => next(256)))
    const result = await verifyEvidence({ ...good, attestationExport: noise, csr: noise.toString('latin1'), createdPublicKey: noise })
    assertJudged(result)
    assert.equal(result.report.verdict, 'failed')
    assert.equal((await verifyBundle({ ...good, attestationExport: noise })).report.verdict, 'failed')
  }
})

test('takes the same bytes as a slice of a larger buffer', async () => {
  const padded = Buffer.concat([Buffer.alloc(7), good.attestationExport, Buffer.alloc(9)])
  const result = await verifyEvidence({ ...good, attestationExport: new Uint8Array(padded.buffer, padded.byteOffset + 7, good.attestationExport.length) })
  assert.equal(result.report.verdict, 'passed')
})

test('is pure: no disk, network, clock, process or log in the folder', () => {
  const allowed = /^(\.\/[a-z0-9-]+\.ts|node:crypto|node:zlib|pkijs|asn1js|saxes|yauzl)$/
  for (const name of readdirSync(FOLDER)) {
    const text = readFileSync(new URL(name, FOLDER), 'utf8')
    const imports = [...text.matchAll(/^(?:import\b|export\b.* from|\} from).*?'([^']+)'$|\bimport\('([^']+)'\)/gm)].map(([, fixed, dynamic]) => fixed ?? dynamic!)
    assert.equal(imports.length, [...text.matchAll(/^import\b|^\} from/gm)].length - [...text.matchAll(/^import \{$/gm)].length, `${name}: every import is seen`)
    assert.deepEqual(imports.filter((specifier) => !allowed.test(specifier)), [], name)
    assert.doesNotMatch(text, /\bprocess\b(?!ing)\s*[.[]|\bDate\.now\b|\bnew Date\(\)|\bconsole\b|\bfetch\(|\bsetTimeout\b|Math\.random|randomBytes|\brequire\(/, name)
  }
})

test('is built of files that a person can read', () => {
  for (const name of readdirSync(FOLDER)) assert.ok(readFileSync(new URL(name, FOLDER), 'utf8').split('\n').length <= 205, name)
})
