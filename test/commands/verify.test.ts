import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { verifyEvidence } from '../../src/evidence/verify-evidence.ts'
import { runVerify, type CommandResult } from '../../src/commands/verify.ts'
import { zipFiles } from '../../src/simulator/export-zip.ts'
import { LABEL, makeCase, pki, verifiedAt } from '../evidence/good-case.ts'

const folder = mkdtempSync(join(tmpdir(), 'verify-'))
after(() => rmSync(folder, { recursive: true }))

const put = (name: string, bytes: string | Uint8Array): string => {
  writeFileSync(join(folder, name), bytes)
  return join(folder, name)
}

const good = await makeCase()
const { files } = await verifyEvidence(good)
const anchors = put('anchors.pem', pki.root.pem)
const csr = put('good.csr', good.csr)
const exported = put('export.zip', good.attestationExport)

/** A bundle as the service packs it. `change` comes after the manifest was written, `before` before it. */
async function bundle(name: string, change: (files: Map<string, Uint8Array>) => void = () => undefined, before: (files: Map<string, Uint8Array>) => void = () => undefined): Promise<string> {
  const content = new Map<string, Uint8Array>([
    [`${LABEL}.csr`, Buffer.from(good.csr.replaceAll('NEW ', ''))], [`${LABEL}.xml`, files!.xml], [`${LABEL}.sig`, files!.signature],
    ['PrimusHSM_Attestation.crt', files!.certificates], ['PrimusHSM_Attestation_PublicKey.pem', files!.publicKey], [files!.readme!.name, files!.readme!.bytes],
    ['verification-report.json', Buffer.from('{}')], ['verification-report.html', Buffer.from('<!doctype html>')], ['verify.sh', Buffer.from('#!/bin/sh\n')],
  ])
  before(content)
  const list = [...content].map(([file, bytes]) => ({ name: file, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }))
  content.set('manifest.json', Buffer.from(JSON.stringify({ schemaVersion: 1, files: list })))
  change(content)
  return put(name, await zipFiles(content))
}

const run = (...args: string[]): Promise<CommandResult> => runVerify(args, { now: verifiedAt, colour: false })
const runJson = async (...args: string[]): Promise<{ exitCode: number; json: { verdict: string; detail?: string; checks?: { id: string; outcome: string }[] } }> => {
  const { exitCode, output } = await run(...args, '--json')
  return { exitCode, json: JSON.parse(output) }
}
const failedIn = (json: { checks?: { id: string; outcome: string }[] }): string[] => json.checks!.filter(({ outcome }) => outcome === 'failed').map(({ id }) => id)

const goodBundle = await bundle('bundle.zip')

test('passes a bundle, with exit code 0', async () => {
  const { exitCode, json } = await runJson(goodBundle, '--trust-anchors', anchors)
  assert.deepEqual(failedIn(json), [])
  assert.equal(json.verdict, 'passed')
  assert.equal(exitCode, 0)
  assert.deepEqual(json.checks!.filter(({ outcome }) => outcome !== 'passed').map(({ id }) => id), ['key.label', 'key.fresh', 'csr.subject', 'csr.extensions'])
})

test("passes the TSB's export with its CSR", async () => {
  const { exitCode, json } = await runJson(exported, '--csr', csr, '--trust-anchors', anchors)
  assert.equal(json.verdict, 'passed')
  assert.equal(exitCode, 0)
})

test('trusts the built-in root only, when no anchors are given', async () => {
  const { exitCode, json } = await runJson(goodBundle)
  assert.equal(exitCode, 1)
  assert.deepEqual(failedIn(json), ['chain.anchored'])
})

for (const [what, change, before, expected] of [
  ['a changed report', (map: Map<string, Uint8Array>) => map.set('verification-report.json', Buffer.from('{"verdict":"passed"}')), undefined, ['bundle.manifest']],
  ['a changed script', (map: Map<string, Uint8Array>) => map.set('verify.sh', Buffer.from('#!/bin/sh\nexit 0\n')), undefined, ['bundle.manifest']],
  ['a file that is not listed', (map: Map<string, Uint8Array>) => map.set('more.md', Buffer.from('x')), undefined, ['bundle.manifest']],
  ['a file that is missing', (map: Map<string, Uint8Array>) => map.delete('verify.sh'), undefined, ['bundle.manifest']],
  ['no manifest', (map: Map<string, Uint8Array>) => map.delete('manifest.json'), undefined, ['bundle.manifest']],
  ['a manifest that is no JSON', (map: Map<string, Uint8Array>) => map.set('manifest.json', Buffer.from('{')), undefined, ['bundle.manifest']],
  ['a manifest without sums', (map: Map<string, Uint8Array>) => map.set('manifest.json', Buffer.from('{"files":[{"name":"verify.sh"}]}')), undefined, ['bundle.manifest']],
  ['no CSR', undefined, (map: Map<string, Uint8Array>) => map.delete(`${LABEL}.csr`), ['archive.complete']],
  ['two CSRs', undefined, (map: Map<string, Uint8Array>) => map.set('b.csr', Buffer.from(good.csr)), ['archive.complete']],
  ['a CSR that is binary', undefined, (map: Map<string, Uint8Array>) => map.set(`${LABEL}.csr`, Buffer.of(0xff)), ['csr.well-formed']],
  ['another XML under a new manifest', undefined, (map: Map<string, Uint8Array>) => map.set(`${LABEL}.xml`, Buffer.from('<private_key/>')), ['signature.valid']],
] as const) {
  test(`refuses a bundle with ${what}, with exit code 1`, async () => {
    const { exitCode, json } = await runJson(await bundle('changed.zip', change as never, before as never), '--trust-anchors', anchors)
    assert.deepEqual(failedIn(json), expected)
    assert.equal(json.verdict, 'failed')
    assert.equal(exitCode, 1)
  })
}

test('refuses a zip whose structure is bad, with exit code 1', async () => {
  const path = put('junk-behind.zip', Buffer.concat([good.attestationExport, Buffer.from('x')]))
  const { exitCode, json } = await runJson(path, '--trust-anchors', anchors)
  assert.deepEqual([exitCode, failedIn(json)], [1, ['archive.readable']])
})

for (const [what, args, detail] of [
  ['no arguments', [], /usage/],
  ['two files', [goodBundle, exported], /usage/],
  ['an unknown option', [goodBundle, '--force'], /usage/],
  ['an option without its value', [goodBundle, '--csr'], /usage/],
  ['a file that is not there', [join(folder, 'none.zip')], /not there/],
  ['a folder', [folder], /no file/],
  ['no zip', [csr], /not a zip/],
  ['an export without a CSR', [exported], /--csr/],
  ['a bundle with another CSR', [goodBundle, '--csr', csr], /leave --csr out/],
  ['a CSR that is not there', [exported, '--csr', join(folder, 'none.csr')], /not there/],
  ['a CSR that is no text', [exported, '--csr', put('binary.csr', Buffer.of(0xff, 0xfe))], /not text/],
  ['anchors that are none', [goodBundle, '--trust-anchors', csr], /cannot be read/],
] as const) {
  test(`cannot judge ${what}, with exit code 2 and one JSON document`, async () => {
    const { exitCode, json } = await runJson(...args)
    assert.deepEqual([exitCode, json.verdict], [2, 'unusable'])
    assert.match(json.detail!, detail)
    const person = await run(...args)
    assert.equal(person.exitCode, 2)
    assert.match(person.output, /^UNUSABLE {2}.*\n$/)
  })
}

test('tells a person the outcome of each check in one line', async () => {
  const { output } = await run(goodBundle, '--trust-anchors', anchors)
  assert.match(output, new RegExp(`^PASSED {2}${LABEL}, RSA-2048, HSM 12345678\n`))
  assert.match(output, /^ {2}✓ key\.generated +The key was generated inside the HSM/m)
  assert.match(output, /^ {2}– key\.label/m)
  assert.doesNotMatch(output, /\u001b/)
  assert.match((await runVerify([goodBundle], { now: verifiedAt, colour: true })).output, /\u001b\[31mREFUSED/)
})

test('runs as a command', async () => {
  const command = promisify(execFile)
  const script = new URL('../../src/commands/verify.ts', import.meta.url).pathname
  const { stdout } = await command(process.execPath, [script, exported, '--csr', csr, '--trust-anchors', anchors, '--json'])
  assert.equal(JSON.parse(stdout).verdict, 'passed')
  const refused = await command(process.execPath, [script, goodBundle, '--json']).catch((error: { code: number; stdout: string; stderr: string }) => error)
  assert.equal('code' in refused && refused.code, 1)
  assert.equal(JSON.parse(refused.stdout).verdict, 'failed')
})
