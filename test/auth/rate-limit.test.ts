import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startService, type Service } from '../support/service.ts'
import { bearer, list, sha256, temporaryFiles, type Answer } from './callers.ts'

const KEY = 'the-key-of-billing'
const files = temporaryFiles()
const clients = files.writeJson('clients.json', [{ id: 'billing', apiKeySha256: sha256(KEY), labels: ['*'] }])
const start = (TRUST_PROXY?: string): Promise<Service> =>
  startService({ env: { AUTH_MODE: 'api-key', AUTH_CLIENTS_FILE: clients, ...(TRUST_PROXY !== undefined && { TRUST_PROXY }) } })

let service: Service
before(async () => { service = await start('loopback') })
after(() => service.stop())
beforeEach(() => { service.log.length = 0 })

const from = (address: string, key = 'wrong', by = service): Promise<Answer> =>
  list(by, 'x', { headers: { ...bearer(key), 'x-forwarded-for': address } })
/** Statuses of so many attempts at the same time, each number once, ascending. */
async function attempts(count: number, address: (i: number) => string, by = service): Promise<number[]> {
  const answers = await Promise.all(Array.from({ length: count }, (_none, i) => from(address(i), 'wrong', by)))
  return [...new Set(answers.map(({ status }) => status))].sort()
}
const linesOf = (address: string): (typeof service.log) => service.log.filter((line) => line['address'] === address)

describe('after twenty failures within a minute, an address', { concurrency: true }, () => {
  test('is told to wait, is slowed down, and fills no log; what is right is still taken at once', async () => {
    const address = '192.0.2.1'
    assert.deepEqual(await attempts(20, () => address), [401])
    const started = performance.now()
    const slowed = from(address)
    assert.equal((await Promise.race([slowed, from(address, KEY)])).status, 200)
    const answer = await slowed
    assert.ok(performance.now() - started >= 990)
    assert.deepEqual([answer.status, answer.headers['www-authenticate']], [429, undefined])
    assert.match(String(answer.headers['retry-after']), /^([1-9]|[1-5]\d|60)$/)
    assert.equal(answer.body.toString(),
      '{"type":"urn:problem:attestation-bundle:too-many-requests","title":"Too many requests","status":429,'
      + '"detail":"too many requests without a valid credential","code":"too-many-requests"}')
    assert.equal(linesOf(address).length, 20)
    assert.match(String(linesOf(address).at(-1)?.['msg']), /only counted/)
  })
  test('of another number is not concerned', async () => {
    await attempts(21, () => '192.0.2.2')
    assert.equal((await from('192.0.2.3')).status, 401)
  })
  test('of IPv6 stands for its network of 64 bits', async () => {
    assert.deepEqual(await attempts(21, (i) => `2001:db8:0:1::${(i + 1).toString(16)}`), [401, 429])
    assert.equal((await from('2001:db8:0:2::1')).status, 401)
  })
  test('of IPv4 is the same one in its IPv6 form', async () => {
    assert.deepEqual(await attempts(21, (i) => i % 2 === 0 ? '192.0.2.4' : '::ffff:192.0.2.4'), [401, 429])
  })
  test('that is none is one of all such', async () => {
    assert.deepEqual(await attempts(21, (i) => `nonsense-${i}`), [401, 429])
  })
  test('never gets there with right credentials', async () => {
    for (let i = 0; i < 25; i++) assert.equal((await from('192.0.2.5', KEY)).status, 200)
    assert.equal((await from('192.0.2.5')).status, 401)
  })
})

test('failures are counted by reason', async () => {
  await from('192.0.2.6')
  const metrics = await (await service.get('/metrics')).text()
  assert.match(metrics, /^attestation_bundle_unauthenticated_total\{reason="unknown-client"\} [1-9]\d*$/m)
})

test('without TRUST_PROXY a header changes no address', async (t) => {
  const open = await start()
  t.after(() => open.stop())
  assert.deepEqual(await attempts(21, (i) => `192.0.2.${i}`, open), [401, 429])
  assert.equal((await from('192.0.2.99', KEY, open)).status, 200)
})
