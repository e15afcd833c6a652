import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import JSZip from 'jszip'
import type { BundleContent } from '../../src/bundle/bundle-content.ts'
import { packBundle } from '../../src/bundle/pack-bundle.ts'
import { reportPage } from '../../src/bundle/report-page.ts'
import { VERIFY_SCRIPT_SHA256 } from '../../src/bundle/verify-script.ts'
import { runVerify } from '../../src/commands/verify.ts'
import { escapeHtml } from '../../src/html.ts'
import { pki, verifiedAt } from '../evidence/good-case.ts'
import { builtInAnchor, content, good, textOf, warned } from './report-content.ts'
import { runCommands, temporaryFolder } from './report-commands.ts'

const page = reportPage(warned)

test('gives the same page for the same evidence', async () => {
  assert.equal(reportPage(await content()), reportPage(good))
  assert.equal((await packBundle(good)).sha256, (await packBundle(good)).sha256)
})

test('lies in the bundle between the JSON report and the manifest, which lists it, and npm run verify takes the bundle', async () => {
  const { bytes } = await packBundle(warned)
  const zip = await JSZip.loadAsync(bytes)
  assert.deepEqual(Object.keys(zip.files).slice(-4), ['verification-report.json', 'verification-report.html', 'verify.sh', 'manifest.json'])
  assert.equal(await zip.file('verification-report.html')!.async('string'), reportPage(warned, { verifyScriptSha256: VERIFY_SCRIPT_SHA256 }))
  const folder = temporaryFolder({ 'bundle.zip': bytes, 'anchors.pem': pki.root.pem })
  const { output } = await runVerify([`${folder}/bundle.zip`, '--trust-anchors', `${folder}/anchors.pem`, '--json'], { now: verifiedAt, colour: false })
  const report = JSON.parse(output) as { verdict: string; checks: { id: string; outcome: string }[] }
  assert.equal(report.verdict, 'passed')
  assert.equal(report.checks.find(({ id }) => id === 'bundle.manifest')?.outcome, 'passed')
})

test('each character that means something in markup is escaped, and each that nobody sees is shown, also where it is the only one of a plain text', () => {
  for (const [character, shown] of [['&', '&amp;'], ['<', '&lt;'], ['>', '&gt;'], ['"', '&quot;'], ["'", '&#39;'], ['\n', '⟨U+000A⟩'], ['\u007f', '⟨U+007F⟩'], ['\u202e', '⟨U+202E⟩']] as const) {
    assert.deepEqual([`${character}ab`, `a${character}b`, `ab${character}`].map(escapeHtml), [`${shown}ab`, `a${shown}b`, `ab${shown}`])
  }
  assert.equal(escapeHtml('CN=Primus (SN: 1), O=Würde/?;:=#%~'), 'CN=Primus (SN: 1), O=Würde/?;:=#%~')
})

/** The content with every string of it replaced, but for hashes, outcomes and what decides how the page is built. */
function everyString(value: unknown, text: string, key = ''): unknown {
  if (typeof value === 'string') return /^(outcome|verdict|sha256|publicKeySha256|oid|type)$/.test(key) ? value : text
  if (typeof value !== 'object' || value === null || value instanceof Date || value instanceof Uint8Array) return value
  if (Array.isArray(value)) return value.map((item) => everyString(item, text, key))
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, everyString(item, text, name)]))
}
const filledWith = (text: string): string => reportPage(everyString(warned, text) as BundleContent)
/** Without the marks around words of commands: their number is that of the blanks. */
const tagsOf = (text: string): string[] => text.match(/<[^>]*>/g)!.filter((tag) => tag !== '<span class="word">' && tag !== '</span>')

for (const [what, hostile, shown] of [
  ['a script', '<script>alert(1)</script>', '&lt;script&gt;alert(1)&lt;/script&gt;'],
  ['an event handler behind a quote', '"><img src=x onerror=alert(1)>', '&quot;&gt;&lt;img src=x onerror=alert(1)&gt;'],
  ['an event handler behind an apostrophe', '\' onload=\'x', '&#39; onload=&#39;x'],
  ['the end of the style', '</style></title><!--', '&lt;/style&gt;&lt;/title&gt;&lt;!--'],
  ['an entity', 'a & b &lt;', 'a &amp; b &amp;lt;'],
  ['text that displays reversed', 'gro\u202ecilam\u2066', 'gro⟨U+202E⟩cilam⟨U+2066⟩'],
  ['NUL, escape and delete', '\u0000\u001b[31m\u007f\u009b', '⟨U+0000⟩⟨U+001B⟩[31m⟨U+007F⟩⟨U+009B⟩'],
  ['line ends and separators', 'a\r\nb\u2028c\u2029', 'a⟨U+000D⟩⟨U+000A⟩b⟨U+2028⟩c⟨U+2029⟩'],
  ['what cannot be seen', 'a\u200bb\u00adc\u3164d\u{e0041}', 'a⟨U+200B⟩b⟨U+00AD⟩c⟨U+3164⟩d⟨U+E0041⟩'],
  ['half a character', 'a\ud800b', 'a⟨U+D800⟩b'],
] as const) {
  test(`shows ${what} as text, wherever it stands`, () => {
    const hostilePage = filledWith(hostile)
    assert.deepEqual(tagsOf(hostilePage), tagsOf(filledWith('harmless')))
    assert.ok(hostilePage.includes(`<bdi>${shown}</bdi>`))
    assert.doesNotMatch(hostilePage.replaceAll('\n', ''), /[\p{C}\p{Zl}\p{Zp}\u3164]/u)
  })
}

test('loads nothing, runs nothing and leads nowhere', () => {
  for (const each of [page, reportPage(good, { verifyScriptSha256: 'ab'.repeat(32) })]) {
    assert.match(each, /<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">/)
    assert.doesNotMatch(each, /<(script|link|img|iframe|object|embed|form|base|svg|a)\b|https?:|url\(|@import|@font-face/i)
    assert.deepEqual(tagsOf(each).filter((tag) => /\s(on\w+|src|href|style|action)\s*=/i.test(tag)), [])
  }
})

test('has every check with its outcome in a word and its detail', () => {
  const text = textOf(page)
  const words = { passed: '✓ passed', warning: '! warning', failed: '✗ failed', skipped: '– not run' }
  assert.equal(warned.report.checks.length, 27)
  for (const { id, outcome, detail } of warned.report.checks) assert.ok(text.includes(`${words[outcome]} ${id} ${detail}`), id)
  assert.ok(text.includes('27 checks: 24 passed, 3 passed with a warning.'))
})

test('names the profile, what it is, how old its rules are, and what they cannot check', () => {
  const text = textOf(page)
  const { title, description, name, comparedOn, notes: [note] } = warned.profile
  const said = [
    `Profile: ${title} ${description}`, `This is profile ${name}, last compared with its sources on ${comparedOn}.`,
    `${note!.text} (${note!.source})`,
  ]
  for (const each of said) assert.ok(text.includes(each), each)
  assert.doesNotMatch(reportPage({ ...good, profile: { ...good.profile, notes: [] } }), /<small>/)
})

test('lifts the warnings to the top, and has no such section without any', () => {
  const text = textOf(page)
  const above = text.slice(0, text.indexOf(' The key '))
  for (const { id, detail } of warned.report.checks.filter(({ outcome }) => outcome === 'warning')) assert.ok(above.includes(`${id} ${detail}`), id)
  assert.match(text, /Passed, with 3 warnings/)
  assert.doesNotMatch(reportPage(good), /id="warnings"/)
  assert.match(textOf(reportPage(good)), /✓ Passed The private key of this certificate request was generated in the HSM with serial number 12345678 and cannot leave it/)
})

test('has a banner for a trust anchor that is not the built-in one, and none for the built-in one', () => {
  const colons = warned.report.facts.anchor!.sha256.toUpperCase().match(/../g)!.join(':')
  const foreign = textOf(page)
  assert.match(page, /<main>\n<section class="banner"/)
  assert.ok(foreign.includes(`CN=PRIMUS_HSM_ROOTKEY, C=CH, L=Zurich, O=TSB simulator, ST=ZH ${colons}`))
  assert.ok(foreign.includes('cannot leave it, provided that the trust anchor above is the vendor’s.'))
  const builtIn = reportPage(builtInAnchor)
  assert.doesNotMatch(builtIn, /class="banner"|not the built-in|not the one built/)
  assert.match(textOf(builtIn), /D2:C9:3D:8F:69:BC:8D:62:4E:37:F2:5B:9E:6E:7B:EC:41:76:1A:AB:86:4C:94:F3:79:36:1B:9B:78:A9:DB:97/)
  assert.match(textOf(builtIn), /Compare with the vendor’s knowledge base, article 147/)
})

test('shows a report that did not pass as refused', () => {
  const failed = { id: 'key.generated', outcome: 'failed', detail: 'Expected a generated key; it is imported.' } as const
  const text = textOf(reportPage({ ...good, report: { ...good.report, verdict: 'failed', facts: {}, checks: [failed, { ...failed, id: 'key.label', outcome: 'skipped' }] } }))
  assert.match(text, /✗ Refused The evidence was refused\. Do not issue/)
  assert.match(text, /✗ failed key\.generated Expected a generated key; it is imported\. – not run key\.label/)
  assert.doesNotMatch(text, /✓|cannot leave/)
})

test('has the SHA-256 of verify.sh where it is known, and says whose claim the copy is', () => {
  assert.doesNotMatch(reportPage(good), /verify\.sh/)
  const text = textOf(reportPage(good, { verifyScriptSha256: 'ab'.repeat(32) }))
  assert.ok(text.includes('ab'.repeat(32)))
  assert.match(text, /The verify\.sh in this zip is the sender’s claim, like the rest of it: run the verify\.sh of the project’s release, not this copy\./)
})

test('says what is not proven', () => {
  for (const claim of ['Firmware version of the HSM', 'FIPS 140 or Common Criteria mode', 'certification of the HSM as a QSCD', 'That this page is true', 'This page is the sender’s claim']) {
    assert.ok(textOf(page).toLowerCase().includes(claim.toLowerCase()), claim)
  }
})

test('has commands that print in a shell what the page says', async () => {
  const { bytes } = await packBundle(good)
  const output = await runCommands(reportPage(good), bytes)
  assert.match(output, new RegExp(`Fingerprint=${good.report.facts.anchor!.sha256.toUpperCase().match(/../g)!.join(':')}`, 'i'))
  for (const line of [/^PrimusHSM_Attestation\.crt: OK$/m, /^the same key$/m, /^Verified OK$/m, /verify OK/, /creation="generated"/, /never_extractable>true/]) assert.match(output, line)
  assert.match(output, /Subject: .*CN ?= ?Acme Seal/)
})

test('has a command that uncovers another key’s signature with that key’s file, which the vendor’s commands take', async () => {
  const { bytes } = await packBundle(good)
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const output = await runCommands(reportPage(good), bytes, {
    [`${good.label}.sig`]: sign('sha256', good.files.xml, privateKey), 'PrimusHSM_Attestation_PublicKey.pem': publicKey.export({ type: 'spki', format: 'pem' }),
  })
  assert.match(output, /^PrimusHSM_Attestation\.crt: OK$/m)
  assert.equal(output.match(/^Verified OK$/gm)?.length, 2)
  assert.doesNotMatch(output, /the same key/)
})

test('rests on nothing of the service but the shapes of the evidence', () => {
  const folder = new URL('../../src/bundle/', import.meta.url)
  for (const name of readdirSync(folder)) {
    const imports = [...readFileSync(new URL(name, folder), 'utf8').matchAll(/^import .* from '([^']+)'$/gm)].map((match) => match[1]!)
    assert.deepEqual(imports.filter((path) => !/^(\.\/[a-z-]+\.ts|\.\.\/evidence\/evidence\.ts|\.\.\/errors\.ts|\.\.\/html\.ts|node:crypto|node:fs|jszip)$/.test(path)), [], name)
  }
})
