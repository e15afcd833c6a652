import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startBrowser, type Browser } from '../bundle/chromium.ts'
import { OVERFLOWING, PALE } from '../bundle/page-looks.ts'
import { startService, type Service } from '../support/service.ts'

let service: Service
let browser: Browser
before(async () => { [service, browser] = await Promise.all([startService(), startBrowser()]) })
// Where one did not start there is nothing to end, and that error would hide the one that says why.
after(async () => {
  await (browser as Browser | undefined)?.close()
  await (service as Service | undefined)?.stop()
})

const UNFOLD = 'document.querySelectorAll("details").forEach((each) => { each.open = true })'

for (const view of [{ width: 360 }, { width: 1200, dark: true }, { width: 1200 }] as const) {
  test(`the page fits a window, all folded parts open, and all text has contrast enough: ${JSON.stringify(view)}`, async () => {
    await browser.open(`${service.url}/docs`, view)
    await browser.evaluate(UNFOLD)
    assert.deepEqual(await browser.evaluate('[innerWidth, document.documentElement.scrollWidth]'), [view.width, view.width])
    assert.deepEqual(await browser.evaluate(OVERFLOWING), [])
    assert.deepEqual(await browser.evaluate(PALE), [])
  })
}

test('the first window shows what there is, and each operation can be reached from there', async () => {
  await browser.open(`${service.url}/docs`, { width: 1200 })
  assert.ok(await browser.evaluate('document.querySelector("nav").getBoundingClientRect().bottom <= innerHeight'))
  assert.deepEqual(await browser.evaluate('[...document.querySelectorAll("nav a")].slice(0, 3).map((each) => each.innerText)'),
    ['POST /v1/attestation-bundles', 'GET /v1/attestation-bundles', 'GET /v1/attestation-bundles/{id}'])
  assert.equal(await browser.evaluate('[...document.querySelectorAll("nav a")].filter((each) => !document.querySelector(each.hash)).length'), 0)
})

test('the style is applied under the policy of the answer, and a script or a style that came into the page is not', async () => {
  await browser.open(`${service.url}/docs`, { width: 1200 })
  assert.equal(await browser.evaluate('getComputedStyle(document.querySelector("pre")).userSelect'), 'all')
  assert.deepEqual(browser.complaints, [])
  await browser.evaluate(`document.body.insertAdjacentHTML('beforeend', '<p id="planted" style="color: red" onclick="document.title = 1">x</p>'); document.getElementById('planted').click()`)
  assert.notEqual(await browser.evaluate('getComputedStyle(document.getElementById("planted")).color'), 'rgb(255, 0, 0)')
  assert.match(await browser.evaluate('document.title'), /^Attestation bundler /)
  assert.match(browser.complaints.join('\n'), /style-src|script-src|default-src/)
  assert.deepEqual(browser.requested.filter((url) => url !== `${service.url}/docs`), [])
})

test('is read out as it is seen: language, landmarks, one main heading, no level left out', async () => {
  await browser.open(`${service.url}/docs`, { width: 1200 })
  assert.equal(await browser.evaluate('document.documentElement.lang'), 'en')
  assert.deepEqual(await browser.evaluate('["header", "nav", "main", "h1"].map((name) => document.querySelectorAll(name).length)'), [1, 1, 1, 1])
  const levels = await browser.evaluate<number[]>('[...document.querySelectorAll("h1, h2, h3, h4")].map((each) => Number(each.tagName[1]))')
  assert.deepEqual(levels.filter((level, i) => level > (levels[i - 1] ?? 0) + 1), [])
})

test('on paper the folded examples are there too', async () => {
  await browser.open(`${service.url}/docs`, { width: 1200, media: 'print' })
  const hidden = 'document.querySelectorAll("details:not([open]) pre").values().filter((each) => !each.checkVisibility({ contentVisibilityAuto: true }) || each.getBoundingClientRect().height === 0).toArray().length'
  assert.equal(await browser.evaluate(hidden), 0)
  await browser.open(`${service.url}/docs`, { width: 1200 })
  assert.ok(await browser.evaluate<number>(hidden) > 30)
})
