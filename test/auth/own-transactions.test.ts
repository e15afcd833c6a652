import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { order, startService, type Service } from '../support/service.ts'
import { ask, bearer, issue, list, sha256, temporaryFiles, type Answer } from './callers.ts'

const files = temporaryFiles()
const KEYS = { billing: 'the-key-of-billing', shop: 'the-key-of-shop' }
const headersOf = { billing: bearer(KEYS.billing), shop: bearer(KEYS.shop) }
let service: Service
before(async () => {
  service = await startService({ env: {
    AUTH_MODE: 'api-key',
    AUTH_CLIENTS_FILE: files.writeJson('clients.json', [
      { id: 'billing', apiKeySha256: sha256(KEYS.billing), labels: ['billing-*', 'both-*'] },
      { id: 'shop', apiKeySha256: sha256(KEYS.shop), labels: ['shop-*', 'both-*', 'exact'] },
    ]),
  } })
})
after(() => service.stop())

const codeOf = ({ body }: Answer): string => (JSON.parse(body.toString()) as { code: string }).code

describe('labels', () => {
  const sent = (): number => service.simulator.requests.length
  const post = (caller: 'billing' | 'shop', body: unknown): Promise<Answer> =>
    ask(`${service.url}/v1/attestation-bundles`, { method: 'POST', headers: headersOf[caller], body })

  for (const [caller, key, allowed] of [
    ['billing', { label: 'billing-1' }, true], ['shop', { label: 'exact' }, true], ['billing', { labelPrefix: 'billing' }, true],
    ['billing', { label: 'both-1' }, true], ['billing', { label: 'shop-1' }, false], ['billing', { label: 'exact' }, false],
    ['billing', { label: 'Billing-1' }, false], ['billing', { label: 'billing' }, false],
    ['shop', { labelPrefix: 'exact' }, false], ['billing', { labelPrefix: 'bill' }, false], ['billing', { labelPrefix: 'shop' }, false],
  ] as const) {
    test(`${caller} may ${allowed ? '' : 'not '}use ${JSON.stringify(key)}`, async () => {
      const before = sent()
      const answer = await post(caller, order('', { label: undefined, ...key }))
      assert.equal(answer.status, allowed ? 201 : 403, answer.body.toString())
      if (allowed) return
      assert.equal(answer.body.toString(),
        '{"type":"urn:problem:attestation-bundle:forbidden","title":"This caller may not use this label","status":403,'
        + '"detail":"this caller may not use this label","code":"forbidden"}')
      assert.equal(sent(), before)
    })
  }
  test('are looked at before a replay, and after the body was found valid', async () => {
    assert.equal(codeOf(await post('billing', { key: { label: 'shop-1' } })), 'invalid-request')
  })
})

describe('a caller', () => {
  let id = ''
  const orderOfBilling = (): Promise<Answer> => issue(service, 'both-own', { headers: { ...headersOf.billing, 'idempotency-key': 'one' } })
  before(async () => {
    const answer = await orderOfBilling()
    assert.equal(answer.status, 201)
    id = String(answer.headers.location)
  })

  test('fetches its own bundle and its own transaction', async () => {
    for (const accept of ['application/zip', 'application/json']) {
      assert.equal((await ask(service.url + id, { headers: { ...headersOf.billing, accept } })).status, 200)
    }
  })
  test('is told of another one\'s that there is none, in whatever form it asks, just as of one that never was', async () => {
    for (const accept of ['application/zip', 'application/json']) {
      const paths = [id, '/v1/attestation-bundles/00000000-0000-4000-8000-000000000000']
      const answers = await Promise.all(paths.map((path) => ask(service.url + path, { headers: { ...headersOf.shop, accept } })))
      assert.deepEqual(answers.map(({ status }) => status), [404, 404])
      assert.deepEqual(answers[0]!.body, answers[1]!.body)
    }
  })
  test('lists its own only', async () => {
    const labels = async (headers: { authorization: string }): Promise<string[]> => {
      const { body } = await list(service, 'both-own', { headers })
      return (JSON.parse(body.toString()) as { transactions: { label: string }[] }).transactions.map(({ label }) => label)
    }
    assert.deepEqual([await labels(headersOf.billing), await labels(headersOf.shop)], [['both-own'], []])
  })
  test('gets no replay of another one\'s Idempotency-Key, and is not in its way', async () => {
    assert.equal((await orderOfBilling()).headers['idempotency-replayed'], 'true')
    const same = await issue(service, 'both-own', { headers: { ...headersOf.shop, 'idempotency-key': 'one' } })
    assert.deepEqual([same.status, codeOf(same)], [409, 'key-label-taken'])
    assert.ok(!same.body.toString().includes('existing'))
    const other = await issue(service, 'both-other', { headers: { ...headersOf.shop, 'idempotency-key': 'one' } })
    assert.deepEqual([other.status, other.headers['idempotency-replayed']], [201, undefined])
  })
  test('of AUTH_MODE=none is one for all', async (t) => {
    const open = await startService()
    t.after(() => open.stop())
    assert.equal((await issue(open, 'any-label', { headers: bearer('whatever') })).status, 201)
    assert.equal((await open.logged((line) => line['label'] === 'any-label'))['caller'], 'anonymous')
  })
})
