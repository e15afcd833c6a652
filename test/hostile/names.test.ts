import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { pointersOf, problemIn } from '../support/problem.ts'
import { order, startService, type Service } from '../support/service.ts'

let service: Service
before(async () => { service = await startService() })
after(() => service.stop())
beforeEach(() => { service.simulator.requests.length = 0 })

const shown = (text: string): string => JSON.stringify(text).replaceAll(/[^ -~]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)

async function refused(body: unknown, pointer: string, planted: string): Promise<void> {
  const problem = await problemIn(await service.post(body), 'invalid-request')
  assert.deepEqual(pointersOf(problem), [pointer])
  assert.equal(JSON.stringify(problem).includes(planted), false)
  assert.deepEqual(service.simulator.requests, [])
}

describe('a label is a file name and stands in a header', () => {
  const tricks = [
    'seal\r\nset-cookie: a=b', 'seal\nlocation: x', 'seal"; filename="evil.exe', "seal'; filename*=UTF-8''evil", 'seal;evil', 'seal evil', 'seal/../../evil', 'seal\\evil',
    '..', '.seal', '-seal', 'seal.', 'seal\u0000.zip', 'seal\u202egpj.exe', 'seal\u2066', 'se\u0430l', 'seal\u200b', '\ufeffseal', 'ｓｅａｌ', 'seal\u0301', 'seal%0d%0a', '$(id)', '`id`', '{{7*7}}',
    'con', 'nul.zip', 'a..b', 'my_public_key', '<script>', '__proto__', 'x'.repeat(129),
  ]
  for (const trick of tricks) {
    test(`refuses ${shown(trick).slice(0, 40)}`, async () => {
      await refused(order(trick), '/key/label', trick)
      // A hyphen and an id follow a prefix: what only the end of a label may not be is no fault there.
      if (!['seal.', 'con', 'nul.zip'].includes(trick)) await refused(order('unused', { label: undefined, labelPrefix: trick }), '/key/labelPrefix', trick)
    })
  }
  test('the longest and oddest label that is allowed stands in every header as it is', async () => {
    const label = `A._-${'x'.repeat(123)}9`
    const answer = await service.post(order(label))
    await answer.arrayBuffer()
    assert.equal(answer.headers.get('content-disposition'), `attachment; filename="${label}-attestation-bundle.zip"`)
  })
})

describe('a subject is one name, whoever reads it', () => {
  const SUBJECT = '/csr/standardCertificateAttributes'
  const values = [
    'Acme, O=Evil', 'Acme+OU=Evil', 'Acme\\, O=Evil', '"Acme"', '#0403', 'Acme;O=Evil', 'Acme\u0000.evil', 'Acme\n O=Evil', 'Acme\u202eSA live', 'Acme\u2066', 'Ac\u00adme', 'Ac\u200bme',
    'Ac\u180eme', 'Ac\u115fme', 'Acme\ufe0f', 'Acme\u{e0041}', 'Acme\ud800',
  ]
  // Each becomes one of , + = " \ < > ; # under a normalization of Unicode.
  const lookAlikes = ['Acme\uff0c O\uff1dEvil', 'Acme\u037e', 'Acme\ufe54', 'Acme\ufe50', 'Acme\uff0b', 'Acme\u207a', 'Acme\u2260', 'Acme\u226e', 'Acme\u226f', 'Acme\uff3c', 'Acme\uff02',
    'Acme\uff03', 'Acme\ufe5f', 'Acme\u207c', 'Acme\ufe68', 'Acme\u2a74']
  for (const value of [...values, ...lookAlikes]) {
    test(`refuses ${shown(value)}`, async () => {
      for (const field of ['commonName', 'organizationName']) {
        await refused(order('subject', {}, { standardCertificateAttributes: { commonName: 'Acme', country: 'CH', [field]: value } }), `${SUBJECT}/${field}`, value)
      }
    })
  }
  for (const [i, value] of ['Zürich & Söhne (Schweiz) AG', 'O\'Reilly/Łódź: 100 %', '株式会社', 'Ａcme', 'Société “Été” – №1…', 'Zu\u0308rich'].entries()) {
    test(`takes ${shown(value)} as it is`, async () => {
      const answer = await service.post(order(`name-${i}`, {}, { standardCertificateAttributes: { commonName: value, country: 'CH' } }))
      assert.equal(answer.status, 201, answer.status === 201 ? '' : await answer.text())
    })
  }
})
