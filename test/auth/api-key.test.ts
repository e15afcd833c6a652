import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { startService, type Service } from '../support/service.ts'
import { ask, assertRefused, bearer, issue, list, sha256, temporaryFiles, testClock, type Question } from './callers.ts'

const CHALLENGE = 'Bearer realm="attestation-bundler"'
const key = (): string => randomBytes(32).toString('base64')
const KEYS = { billing: key(), old: key(), new: key(), shop: key() }
const billing = { id: 'billing', apiKeySha256: sha256(KEYS.billing), labels: ['billing-*'] }
const shop = { id: 'shop', apiKeySha256: [sha256(KEYS.old).toUpperCase(), sha256(KEYS.new)], labels: ['*'] }

const files = temporaryFiles()
const clock = testClock()
const path = files.writeJson('clients.json', [billing, shop])
let service: Service
before(async () => {
  service = await startService({ env: { AUTH_MODE: 'api-key', AUTH_CLIENTS_FILE: path, TRUST_PROXY: 'loopback' }, now: clock.now })
})
after(() => service.stop())

const refused = (question: Question): Promise<unknown> => assertRefused(service, question, CHALLENGE)

describe('an API key', () => {
  test('makes a bundle, and its caller stands in the log and behind the transaction', async () => {
    assert.equal((await issue(service, 'billing-1', { headers: bearer(KEYS.billing) })).status, 201)
    assert.equal((await service.logged((line) => line['label'] === 'billing-1' && line['outcome'] === 'completed'))['caller'], 'billing')
  })
  test('is taken under a scheme in any case, with blanks before it', async () => {
    for (const field of [`bearer ${KEYS.billing}`, `BEARER ${KEYS.billing}`, `Bearer   ${KEYS.billing}`]) {
      assert.equal((await list(service, 'x', { headers: { authorization: field } })).status, 200, field)
    }
  })

  const wrong: readonly (readonly [string, Question['headers'], string])[] = [
    ['is missing', {}, 'missing'],
    ['is empty', { authorization: '' }, 'malformed'],
    ['is only a scheme', { authorization: 'Bearer' }, 'malformed'],
    ['is another one', bearer(key()), 'unknown-client'],
    ['is one letter too long', bearer(`${KEYS.billing}=`), 'unknown-client'],
    ['is one letter too short', bearer(KEYS.billing.slice(0, -1)), 'unknown-client'],
    ['is in another case', bearer(KEYS.billing.toLowerCase()), 'unknown-client'],
    ['is its own hash', bearer(sha256(KEYS.billing)), 'unknown-client'],
    ['comes under another scheme', { authorization: `Basic ${KEYS.billing}` }, 'malformed'],
    ['comes without a scheme', { authorization: KEYS.billing }, 'malformed'],
    ['comes in another header', { 'x-api-key': KEYS.billing }, 'missing'],
    ['comes as the name of a client', bearer('billing'), 'unknown-client'],
    ['comes behind a second one', { authorization: [`Bearer ${KEYS.billing}`, `Bearer ${key()}`] }, 'malformed'],
    ['comes twice', { authorization: [`Bearer ${KEYS.billing}`, `Bearer ${KEYS.billing}`] }, 'malformed'],
    ['comes with a list', bearer(`${KEYS.billing}, Bearer ${KEYS.billing}`), 'malformed'],
  ]
  for (const [name, headers = {}, reason] of wrong) {
    test(`that ${name} is refused like every other`, async () => assert.equal(await refused({ headers }), reason))
  }
  test('in the query or in the body opens nothing', async () => {
    assert.equal((await ask(`${service.url}/v1/attestation-bundles?label=x&access_token=${encodeURIComponent(KEYS.billing)}`)).status, 401)
  })
  test('never shows in the log, right or wrong', async () => {
    const planted = key()
    await refused({ headers: bearer(planted) })
    const log = JSON.stringify(service.log)
    for (const secret of [planted, ...Object.values(KEYS)]) assert.ok(!log.includes(secret) && !log.includes(sha256(secret)))
  })
  test('is asked for by every route below /v1, and by no other', async () => {
    for (const target of ['/v1/attestation-bundles/1', '/v1/attestation-bundles', '/v1/attestation-bundles?label=x']) {
      for (const method of ['GET', 'HEAD']) {
        const { status } = await ask(service.url + target, { method, headers: { 'x-forwarded-for': '203.0.113.250' } })
        assert.equal(status, 401, `${method} ${target}`)
      }
    }
    for (const target of ['/livez', '/readyz', '/metrics', '/openapi.json', '/docs']) {
      assert.equal((await ask(service.url + target)).status, 200, target)
    }
  })
  test('is looked at before the body: what is too large, malformed or of another type is 401 all the same', async () => {
    for (const [type, body] of [['text/plain', 'x'], ['application/json', { x: 'x'.repeat(100_000) }]] as const) {
      assert.equal(await refused({ headers: { 'content-type': type }, body }), 'missing')
    }
  })
})

describe('the clients file', () => {
  const works = async (token: string): Promise<boolean> =>
    (await list(service, 'x', { headers: { ...bearer(token), 'x-forwarded-for': '203.0.113.251' } })).status === 200
  const reads = (content: unknown): void => {
    if (typeof content === 'string') files.write('clients.json', content)
    else files.writeJson('clients.json', content)
    clock.pass(1_000)
  }

  test('takes both keys of a rotation, in either case of their hashes', async () => {
    assert.deepEqual([await works(KEYS.old), await works(KEYS.new)], [true, true])
  })
  test('is read again: a key that was taken out no longer works, a new one does', async () => {
    reads([billing, { ...shop, apiKeySha256: sha256(KEYS.new) }])
    assert.deepEqual([await works(KEYS.old), await works(KEYS.new)], [false, true])
    reads([{ ...billing, id: 'renamed' }, { ...shop, apiKeySha256: sha256(KEYS.shop) }])
    assert.deepEqual([await works(KEYS.new), await works(KEYS.shop), await works(KEYS.billing)], [false, true, true])
  })
  test('of a removed client: its key opens nothing any more', async () => {
    reads([billing])
    assert.equal(await refused({ headers: bearer(KEYS.shop) }), 'unknown-client')
  })
  test('that becomes unusable changes nothing, and says so once', async () => {
    reads([billing, shop])
    assert.equal(await works(KEYS.new), true)
    const said = (): string[] => service.log.filter((line) => line['level'] === 50).map((line) => String(line['msg']))
    for (const content of ['', '[', '[]', JSON.stringify([{ id: 'billing', apiKeySha256: 'planted', labels: ['*'] }])]) {
      const before = said().length
      reads(content)
      assert.deepEqual([await works(KEYS.billing), await works(KEYS.new)], [true, true], content)
      clock.pass(5_000)
      assert.equal(await works(KEYS.billing), true)
      const [line = '', ...more] = said().slice(before)
      assert.match(line, /^AUTH_CLIENTS_FILE: .*; the clients of before stay in force$/)
      assert.deepEqual(more, [])
    }
    rmSync(path)
    clock.pass(1_000)
    assert.equal(await works(KEYS.billing), true)
    assert.match(said().at(-1) ?? '', /AUTH_CLIENTS_FILE: cannot be read \(ENOENT\)/)
    assert.ok(!JSON.stringify(service.log).includes('planted'))
    reads([billing])
    assert.deepEqual([await works(KEYS.billing), await works(KEYS.new)], [true, false])
  })
})
