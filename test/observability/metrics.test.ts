import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { order, startService, type Service } from '../support/service.ts'

/** The value of one series, by its name and labels as they are written; undefined where there is none. */
async function valueOf(service: Service, series: string): Promise<number | undefined> {
  const lines = (await (await service.get('/metrics')).text()).split('\n')
  const found = lines.find((line) => line.startsWith(`${series} `))
  return found === undefined ? undefined : Number(found.slice(series.length + 1))
}

/** Resolves once a series has a value, which some get a moment after the answer. */
async function until(service: Service, series: string, wanted: number): Promise<void> {
  const end = Date.now() + 10_000
  for (;;) {
    const value = await valueOf(service, series)
    if (value === wanted) return
    if (Date.now() > end) assert.fail(`${series} is ${value}`)
  }
}

describe('what moves', () => {
  let service: Service
  before(async () => { service = await startService({ env: { MAX_TRANSACTIONS: '1', MAX_QUEUED: '0' } }) })
  after(() => service.stop())

  test('counters begin with 0, so that Prometheus sees their first step', async () => {
    for (const series of [
      'attestation_bundle_transactions_total{outcome="completed",code=""}', 'attestation_bundle_transactions_total{outcome="failed",code="tsb-timeout"}',
      'attestation_bundle_failed_checks_total{check="chain.anchored"}', 'attestation_bundle_failed_checks_total{check="key.fresh"}',
      'attestation_bundle_failed_checks_total{check="profile.key-strength"}', 'attestation_bundle_problems_total{code="overloaded"}',
      'attestation_bundle_rollback_events_total{event="abandoned"}', 'attestation_bundle_unauthenticated_total{reason="missing"}',
    ]) assert.equal(await valueOf(service, series), 0, series)
  })

  test('a bundle', async () => {
    assert.equal((await service.post(order('counted'))).status, 201)
    assert.equal(await valueOf(service, 'attestation_bundle_transactions_total{outcome="completed",code=""}'), 1)
    assert.equal(await valueOf(service, 'attestation_bundle_step_duration_seconds_count{step="create-key"}'), 1)
    assert.equal(await valueOf(service, 'attestation_bundle_tsb_request_duration_seconds_count{call="create-key",outcome="answered"}'), 1)
    assert.equal(await valueOf(service, 'attestation_bundle_journal_operation_duration_seconds_count{operation="begin",outcome="done"}'), 1)
    assert.equal(await valueOf(service, 'attestation_bundle_hsm_clock_offset_seconds'), 0)
    assert.equal(await valueOf(service, 'attestation_bundle_ready'), 1)
    await until(service, 'attestation_bundle_http_request_duration_seconds_count{method="POST",route="/v1/attestation-bundles",status="201"}', 1)
  })

  test('requests by the pattern of their route: no path makes a series of its own', async () => {
    for (const path of ['/v1/attestation-bundles/one', '/v1/attestation-bundles/two', '/nowhere/1', '/nowhere/2']) assert.equal((await service.get(path)).status, 404)
    await fetch(`${service.url}/nowhere`, { method: 'PROPFIND' })
    await until(service, 'attestation_bundle_http_request_duration_seconds_count{method="GET",route="/v1/attestation-bundles/:id",status="404"}', 2)
    await until(service, 'attestation_bundle_http_request_duration_seconds_count{method="GET",route="unmatched",status="404"}', 2)
    await until(service, 'attestation_bundle_http_request_duration_seconds_count{method="other",route="unmatched",status="404"}', 1)
    assert.equal(await valueOf(service, 'attestation_bundle_problems_total{code="not-found"}'), 5)
  })

  test('a queue that is full', async () => {
    service.simulator.faults.set('create-key', { kind: 'slow', delayMs: 300 })
    const arrived = service.simulator.next('create-key')
    const first = service.post(order('first'))
    await arrived
    assert.equal(await valueOf(service, 'attestation_bundle_transactions_running'), 1)
    assert.equal((await service.post(order('second'))).status, 503)
    assert.equal(await valueOf(service, 'attestation_bundle_problems_total{code="overloaded"}'), 1)
    assert.equal((await first).status, 201)
  })

  test('a caller who goes away was told nothing', async () => {
    service.simulator.faults.set('create-key', { kind: 'slow', delayMs: 300 })
    const arrived = service.simulator.next('create-key')
    const socket = connect(Number(new URL(service.url).port))
    const body = JSON.stringify(order('left'))
    socket.write(`POST /v1/attestation-bundles HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
    await arrived
    socket.destroy()
    await once(socket, 'close')
    await until(service, 'attestation_bundle_http_request_duration_seconds_count{method="POST",route="/v1/attestation-bundles",status="aborted"}', 1)
    await until(service, 'attestation_bundle_transactions_total{outcome="failed",code="caller-left"}', 1)
    assert.equal(await valueOf(service, 'attestation_bundle_problems_total{code="request-timeout"}'), 0)
  })

  test('the keystore, once it was asked', async () => {
    await until(service, 'attestation_bundle_keystore_objects{kind="private-keys"}', 0)
    assert.equal(await valueOf(service, 'attestation_bundle_keystore_size_bytes'), 1_048_576)
    assert.equal(service.simulator.requests.filter(({ call }) => call === 'keystore-statistics').length, 1)
  })
})

test('a wrong trust anchor and a wrong clock show at their checks', async (t) => {
  // Empty is missing: the vendor's root, which did not sign for the simulator.
  const service = await startService({ env: { TRUST_ANCHORS_FILE: '' } })
  t.after(() => service.stop())
  assert.equal((await service.post(order('unanchored'))).status, 502)
  assert.equal(await valueOf(service, 'attestation_bundle_failed_checks_total{check="chain.anchored"}'), 1)
  const slow = await startService({ simulator: { clock: () => new Date(Date.now() - 600_000) } })
  t.after(() => slow.stop())
  assert.equal((await slow.post(order('stale'))).status, 502)
  assert.equal(await valueOf(slow, 'attestation_bundle_failed_checks_total{check="key.fresh"}'), 1)
  const offset = await valueOf(slow, 'attestation_bundle_hsm_clock_offset_seconds')
  assert.ok(offset !== undefined && offset < -590 && offset > -602, String(offset))
})

test("the clock of an HSM that is two minutes ahead shows, and so does the refusal of its keystore's statistics: by absence", async (t) => {
  const service = await startService({
    simulator: { clock: () => new Date(Date.now() + 120_000), apiKeys: { service: ['another-key'] } }, env: { CLOCK_SKEW_SECONDS: '300', TSB_SERVICE_API_KEYS: 'wrong-key' },
  })
  t.after(() => service.stop())
  assert.equal(await valueOf(service, 'attestation_bundle_hsm_clock_offset_seconds'), undefined)
  await service.logged(({ msg }) => msg === "the keystore's statistics cannot be had")
  await service.post(order('ahead'))
  const offset = await valueOf(service, 'attestation_bundle_hsm_clock_offset_seconds')
  assert.ok(offset !== undefined && offset > 110 && offset <= 120, String(offset))
  const text = await (await service.get('/metrics')).text()
  assert.doesNotMatch(text, /^attestation_bundle_keystore_/m)
})
