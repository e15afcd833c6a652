import assert from 'node:assert/strict'
import { pathToFileURL } from 'node:url'
import { after, before, test } from 'node:test'
import { reportPage } from '../../src/bundle/report-page.ts'
import { startBrowser, type Browser } from './chromium.ts'
import { OVERFLOWING, PALE } from './page-looks.ts'
import { temporaryFolder } from './report-commands.ts'
import { builtInAnchor, textOf, warned } from './report-content.ts'

const long = `${'a'.repeat(40)}-${'W'.repeat(60)}.${'x'.repeat(100)}`
const hostile = `"><img src=x onerror="document.title='forged'"><script>document.title='forged'</script>\u202e & ${'W'.repeat(90)}`
const pages = {
  builtIn: reportPage(builtInAnchor, { verifyScriptSha256: 'ab'.repeat(32) }),
  warned: reportPage(warned),
  long: reportPage({ ...warned, label: long, report: { ...warned.report, facts: { ...warned.report.facts, label: long } } }),
  hostile: reportPage({
    ...warned, label: hostile, csrSubject: [[{ oid: '2.5.4.3', type: 'UTF8String', value: hostile }]],
    report: { ...warned.report, checks: warned.report.checks.map((check) => ({ ...check, detail: hostile })) },
  }),
}
const folder = temporaryFolder(Object.fromEntries(Object.entries(pages).map(([name, page]) => [`${name}.html`, page])))
const fileOf = (name: string): string => `${folder}/${name}.html`

let browser: Browser
before(async () => { browser = await startBrowser() })
// Where none is installed there is none to close, and that error would hide the one that says so.
after(() => (browser as Browser | undefined)?.close())

for (const name of Object.keys(pages)) {
  for (const width of [360, 1200]) {
    test(`the page "${name}" fits a window of ${width} pixels, and so does everything in it`, async () => {
      await browser.open(fileOf(name), { width })
      assert.deepEqual(await browser.evaluate('[innerWidth, document.documentElement.scrollWidth]'), [width, width])
      assert.deepEqual(await browser.evaluate(OVERFLOWING), [])
    })
  }
}

test('a person sees verdict, banner, warnings, key, fingerprints, checks, commands and what is not proven', async () => {
  await browser.open(fileOf('warned'), { width: 1200 })
  // Without blanks: browsers of different age differ in where innerText puts them.
  const seen = (await browser.evaluate<string>('document.body.innerText')).replace(/\s/g, '')
  const { facts, checks } = warned.report
  const colons = (hex: string): string => hex.toUpperCase().match(/../g)!.join(':')
  for (const text of [
    'Passed, with 3 warnings', 'The trust anchor is not the built-in one', 'This page is the sender’s claim', warned.label, 'RSA-2048', facts.publicKeySha256!,
    'HSM with serial number 12345678', '2026-03-24 10:00:01 UTC', '2026-03-24 10:00:03 UTC', ...facts.path!.map(({ sha256 }) => colons(sha256)),
    'Common name (CN) Acme Seal', 'Organisation identifier NTRCH-CHE-464.234.583', 'openssl verify -CAfile hsm_rsa_root.crt', 'cmp - PrimusHSM_Attestation_PublicKey.pem',
    'grep \'verify OK\'', 'Certification of the HSM as a QSCD', warned.transactionId, 'attestation-bundler 0.1.0', ...checks.flatMap(({ id, detail }) => [id, detail]),
  ]) assert.ok(seen.includes(text.replace(/\s/g, '')), `visible: ${text}; seen: ${seen.slice(0, 400)}`)
  assert.equal(seen.length, textOf(pages.warned).replace(/ /g, '').length, 'nothing of the page is hidden')
})

test('the first window shows the banner and the verdict', async () => {
  await browser.open(fileOf('warned'), { width: 1200 })
  assert.ok(await browser.evaluate('document.querySelector(".verdict").getBoundingClientRect().bottom <= innerHeight'))
})

test('hostile text runs nothing and loads nothing, and nothing else does', async () => {
  await browser.open(fileOf('hostile'), { width: 1200 })
  assert.match(await browser.evaluate('document.title'), /^Key attestation of "><img src=x onerror=.*⟨U\+202E⟩ & W+: verification report$/)
  assert.deepEqual(await browser.evaluate('[...document.querySelectorAll("script, img")].length'), 0)
  const files = Object.keys(pages).map((name) => pathToFileURL(fileOf(name)).href)
  assert.deepEqual(browser.requested.filter((url) => !files.includes(url)), [])
  assert.deepEqual(browser.complaints, [])
})

for (const view of [{ width: 1200 }, { width: 1200, dark: true }, { width: 1200, media: 'print' }] as const) {
  test(`all text has contrast enough: ${JSON.stringify(view)}`, async () => {
    await browser.open(fileOf('warned'), view)
    assert.deepEqual(await browser.evaluate(PALE), [])
  })
}

test('is read out as it is seen: language, landmarks, one main heading, headed tables', async () => {
  await browser.open(fileOf('builtIn'), { width: 1200 })
  assert.equal(await browser.evaluate('document.documentElement.lang'), 'en')
  assert.deepEqual(await browser.evaluate('["header", "main", "footer", "h1"].map((name) => document.querySelectorAll(name).length)'), [1, 1, 1, 1])
  assert.deepEqual(await browser.evaluate('[...document.querySelectorAll("table")].map((table) => table.querySelectorAll("thead th[scope=col]").length)'), [2, 2, 2])
  assert.deepEqual(await browser.evaluate('[...document.querySelectorAll("[aria-labelledby]")].filter((each) => !document.getElementById(each.getAttribute("aria-labelledby"))).length'), 0)
  assert.equal(await browser.evaluate('new Set([...document.querySelectorAll("[id]")].map((each) => each.id)).size === document.querySelectorAll("[id]").length'), true)
})

test('prints on a few pages of A4, and is a picture on screen', async () => {
  await browser.open(fileOf('warned'), { width: 1200 })
  const pdf = (await browser.pdf()).toString('latin1')
  const sheets = [...pdf.matchAll(/\/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]/g)].map(([, width, height]) => `${Math.round(Number(width))} x ${Math.round(Number(height))}`)
  assert.deepEqual([...new Set(sheets)], ['595 x 842'])
  assert.ok(sheets.length >= 3 && sheets.length <= 7, `${sheets.length} pages`)
  const picture = await browser.screenshot()
  assert.equal(picture.subarray(1, 4).toString(), 'PNG')
  assert.equal(picture.readUInt32BE(16), 1200)
})
