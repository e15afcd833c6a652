import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import JSZip from 'jszip'
import { packBundle } from '../../src/bundle/pack-bundle.ts'
import { createCsr, csrPem } from '../../src/simulator/csr.ts'

type Content = Parameters<typeof packBundle>[0]

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const keys = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const csrDer = createCsr({ subject: { commonName: 'Acme Seal', country: 'CH', locality: 'Z\u00fcrich' }, ...keys, keyUsage: ['CONTENT_COMMITMENT'] })
const README = 'README_PrimusHSM_AuditAndAttestation_AN-E01.md'

const content: Content = {
  label: 'seal-01',
  transactionId: '6f1b7f0e-8d0e-4b6e-9a51-0c8c1d6d3e11',
  startedAt: new Date('2026-01-02T03:04:05.678Z'),
  csrSubject: [[{ oid: '2.5.4.3', type: 'PrintableString', value: 'Acme Seal' }]],
  serviceVersion: '0.1.0',
  profile: { name: 'tsb-default', title: 'The tutorial', description: 'All of it.', comparedOn: '2026-11-23', notes: [] },
  files: {
    csrDer, xml: Buffer.from('<xml/>\n\n'), signature: Buffer.from([0, 1, 2, 255]), certificates: Buffer.from('chain\n'),
      publicKey: Buffer.from('public\r\n'),
    readme: { name: README, bytes: Buffer.from('# Z\u00fcrich\n') },
  },
  report: {
    verdict: 'passed', verifiedAt: '2026-01-02T03:04:06.000Z', checks: [{ id: 'chain.anchored', outcome: 'passed', detail: 'it is' }],
    facts: { label: 'seal-01', publicKeySha256: 'ab'.repeat(32), hsmSerial: '12345678',
      anchor: { name: 'CN=root', sha256: 'cd'.repeat(32), builtIn: false } },
  },
}

const packed = await packBundle(content)
const entries = await JSZip.loadAsync(packed.bytes)
const read = (name: string): Promise<Buffer> => entries.file(name)!.async('nodebuffer')
const jsonIn = async (name: string): Promise<Record<string, unknown>> => JSON.parse((await read(name)).toString()) as Record<string, unknown>

let folder = ''
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'bundle-'))
  writeFileSync(join(folder, packed.fileName), packed.bytes)
})
after(() => { rmSync(folder, { recursive: true, force: true }) })
const run = (command: string, ...args: readonly string[]): string => execFileSync(command, [...args], { cwd: folder, encoding: 'utf8' })

describe('a bundle', () => {
  const names = [
    'seal-01.csr', 'seal-01.xml', 'seal-01.sig', 'PrimusHSM_Attestation.crt', 'PrimusHSM_Attestation_PublicKey.pem', README,
      'verification-report.json', 'verification-report.html', 'verify.sh', 'manifest.json',
  ]
  test('is named for its label and says its own hash', () => {
    assert.deepEqual([packed.fileName, packed.sha256], ['seal-01-attestation-bundle.zip', sha256(packed.bytes)])
  })
  test('holds its files flat, in a fixed order', () => assert.deepEqual(Object.keys(entries.files), names))
  test('passes unzip -t, which lists the same names', () => {
    assert.match(run('unzip', '-t', packed.fileName), /No errors detected/)
    assert.deepEqual(run('unzip', '-Z1', packed.fileName).trim().split('\n'), names)
  })
  test('is stored, not compressed, dated 1980, with plain rights', () => {
    const listing = run('unzip', '-Z', packed.fileName).split('\n').filter((line) => /^[-?]rw/.test(line))
    assert.equal(listing.length, names.length)
    for (const line of listing) assert.match(line, /^[-?]rw-r--r-- .* stor 80-Jan-01 00:00 /)
  })
  test('has the vendor\'s files to the byte', async () => {
    const { files } = content
    const expected = { 'seal-01.xml': files.xml, 'seal-01.sig': files.signature, 'PrimusHSM_Attestation.crt': files.certificates,
      'PrimusHSM_Attestation_PublicKey.pem': files.publicKey, [README]: files.readme!.bytes }
    for (const [name, bytes] of Object.entries(expected)) assert.ok((await read(name)).equals(bytes), name)
  })
  test('has the CSR under the standard header, its DER unchanged', async () => {
    const pem = (await read('seal-01.csr')).toString()
    assert.match(csrPem(csrDer), /^-----BEGIN NEW CERTIFICATE REQUEST-----\n/)
    assert.match(pem, /^-----BEGIN CERTIFICATE REQUEST-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END CERTIFICATE REQUEST-----\n$/)
    assert.ok(Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64').equals(csrDer))
  })
  test('has a CSR that openssl reads and verifies', () => {
    run('unzip', '-o', '-q', packed.fileName)
    const text = execFileSync('openssl', ['req', '-in', 'seal-01.csr', '-noout', '-verify', '-subject', '-nameopt', 'utf8,sep_comma_plus'],
      { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    assert.match(text, /CN ?= ?Acme Seal/)
  })
  test('has a manifest with the name, size and hash of every other file, and of no other', async () => {
    const manifest = await jsonIn('manifest.json')
    const expected = await Promise.all(names.slice(0,
      -1).map(async (name) => { const bytes = await read(name); return { name, size: bytes.length, sha256: sha256(bytes) } }))
    assert.deepEqual(manifest, {
      schemaVersion: 1, label: 'seal-01', transactionId: content.transactionId, startedAt: '2026-01-02T03:04:05.678Z',
        verifiedAt: content.report.verifiedAt, verdict: 'passed',
      publicKeySha256: content.report.facts.publicKeySha256, hsmSerial: '12345678', trustAnchor: content.report.facts.anchor, files: expected,
    })
  })
  test('has the whole report, and says what is not proven', async () => {
    const { notProven, ...report } = await jsonIn('verification-report.json')
    const profile = { name: 'tsb-default', title: 'The tutorial', comparedOn: '2026-11-23' }
    assert.deepEqual(report, { schemaVersion: 1, profile, ...content.report })
    assert.ok(Array.isArray(notProven) && notProven.length > 0)
  })
  test('has JSON that a person can read, ending with one line feed', async () => {
    for (const name of ['manifest.json', 'verification-report.json']) assert.match((await read(name)).toString(), /^\{\n {2}"[^]*[^\n]\n$/)
  })
})

describe('packing', () => {
  test('gives the same bytes every time, in every time zone', async () => {
    const zone = process.env['TZ']
    try {
      for (const other of ['Pacific/Kiritimati', 'America/Los_Angeles', 'UTC']) {
        process.env['TZ'] = other
        assert.equal(new Date(0).getTimezoneOffset(), { 'Pacific/Kiritimati': 640, 'America/Los_Angeles': 480, UTC: 0 }[other])
        assert.ok((await packBundle(content)).bytes.equals(packed.bytes), other)
      }
    } finally {
      if (zone === undefined) delete process.env['TZ']
      else process.env['TZ'] = zone
    }
  })
  test('leaves out a README that the export had not', async () => {
    const { readme: _none, ...files } = content.files
    const zip = await JSZip.loadAsync((await packBundle({ ...content, files })).bytes)
    assert.equal(zip.file(README), null)
    assert.equal(Object.keys(zip.files).length, 9)
  })
  test('refuses evidence that failed', async () => {
    await assert.rejects(packBundle({ ...content, report: { ...content.report, verdict: 'failed' } }),
      { message: 'only evidence that passed is packed' })
  })
  test('another byte in one file gives another manifest and another hash', async () => {
    const other = await packBundle({ ...content, files: { ...content.files, signature: Buffer.from([0, 1, 2, 254]) } })
    assert.notEqual(other.sha256, packed.sha256)
    const manifest = await (await JSZip.loadAsync(other.bytes)).file('manifest.json')!.async('string')
    assert.ok(manifest.includes(sha256(Buffer.from([0, 1, 2, 254]))))
  })
})
