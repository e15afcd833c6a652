import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { pino } from 'pino'
import { buildApp } from '../../src/app.ts'
import { readSettings } from '../../src/config.ts'
import { order, startService, type Service } from '../support/service.ts'
import { journalFor } from '../support/journal-url.ts'

let service: Service
before(async () => { service = await startService({ simulator: { version: '2.5.1' } }) })
after(() => service.stop())

test('livez says that the process is alive', async () => {
  const answer = await service.get('/livez')
  assert.deepEqual([answer.status, answer.headers.get('content-type'), await answer.text()], [200, 'text/plain; charset=utf-8', 'ok\n'])
})

test('readyz is ready before the TSB was ever asked, and names its version afterwards', async () => {
  const load = { running: 0, queued: 0, rollbacksOwed: 0 }
  assert.deepEqual(await (await service.get('/readyz')).json(), { status: 'ready', ...load, tsb: { state: 'not asked yet', version: 'not asked yet' } })
  assert.equal((await service.post(order('ready-1'))).status, 201)
  const { tsb: { at, ...tsb }, ...rest } = await (await service.get('/readyz')).json() as { tsb: { at: string } }
  assert.deepEqual([rest, tsb], [{ status: 'ready', ...load }, { state: 'answers', version: '2.5.1' }])
  assert.equal(new Date(at).toISOString(), at)
})

test('a TSB that fails or is silent shows in readyz, and leaves it ready', async () => {
  const { faults } = service.simulator
  const stateAfter = async (label: string): Promise<string> => {
    await service.post(order(label))
    const answer = await service.get('/readyz')
    assert.equal(answer.status, 200)
    return (await answer.json() as { tsb: { state: string } }).tsb.state
  }
  faults.set('key-attributes', { kind: 'hsm-error', times: Infinity })
  assert.equal(await stateAfter('failing'), 'fails')
  faults.set('key-attributes', { kind: 'reset-before', times: Infinity })
  assert.equal(await stateAfter('silent'), 'does not answer')
  faults.clear()
  assert.equal(await stateAfter('mended'), 'answers')
})

test('readyz and livez, asked a hundred times, read and write no journal and ask no TSB', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'probes-'))
  const file = join(home, 'journal.sqlite')
  // Its first beat is over when it listens; the next one is due in 200 s.
  const quiet = await startService({ env: { JOURNAL_URL: `file:${file}`, LEASE_MS: '600000' } })
  const other = new DatabaseSync(file)
  t.after(async () => {
    await quiet.stop()
    other.close()
    rmSync(home, { recursive: true })
  })
  other.exec('alter table bundle_transaction rename to hidden; alter table bundle_heartbeat rename to hidden_too')
  // Whoever reads now fails.
  assert.equal((await quiet.get('/v1/attestation-bundles?label=any')).status, 503)
  const written = readFileSync(`${file}-wal`)
  for (let i = 0; i < 100; i += 1) for (const path of ['/readyz', '/livez']) assert.equal((await quiet.get(path)).status, 200)
  assert.deepEqual(readFileSync(`${file}-wal`), written)
  assert.deepEqual(quiet.simulator.requests, [])
  other.exec('alter table hidden rename to bundle_transaction; alter table hidden_too rename to bundle_heartbeat')
})

test('metrics count a transaction, its steps and its TSB calls, and name no key', async () => {
  await service.post(order('metrics-label-1'))
  const answer = await service.get('/metrics')
  assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=/)
  const text = await answer.text()
  assert.match(text, /^attestation_bundle_transactions_total\{outcome="completed",code=""\} [1-9]/m)
  assert.match(text, /^attestation_bundle_step_duration_seconds_count\{step="commit"\} [1-9]/m)
  assert.match(text, /^attestation_bundle_tsb_requests_total\{call="create-key",outcome="answered",status="201"\} [1-9]/m)
  assert.match(text, /^attestation_bundle_transactions_running 0$/m)
  assert.equal(text.includes('metrics-label-1'), false)
})

test('the served OpenAPI document is the committed one', async () => {
  const answer = await service.get('/openapi.json')
  assert.equal(answer.headers.get('content-type'), 'application/json')
  assert.deepEqual(await answer.json(), JSON.parse(await readFile(new URL('../../openapi/openapi.json', import.meta.url), 'utf8')))
})

test('the docs page lists every operation and runs no script', async () => {
  const answer = await service.get('/docs')
  assert.equal(answer.headers.get('content-type'), 'text/html; charset=utf-8')
  assert.match(answer.headers.get('content-security-policy') ?? '', /default-src 'none'/)
  const html = await answer.text()
  for (const operation of ['POST /v1/attestation-bundles', 'GET /v1/attestation-bundles', 'GET /v1/attestation-bundles/{id}']) {
    assert.ok(html.includes(`<code>${operation}</code>`), operation)
  }
  assert.equal(/<script/i.test(html), false)
})

test('HEAD works on every operational route', async () => {
  for (const path of ['/livez', '/readyz', '/metrics', '/openapi.json', '/docs']) {
    const answer = await fetch(service.url + path, { method: 'HEAD' })
    assert.deepEqual([answer.status, await answer.text()], [200, ''], path)
  }
})

describe('once the service stops', () => {
  test('readyz fails at once and work is still taken; afterwards nothing is', async (t) => {
    const app = await buildApp(readSettings({ AUTH_MODE: 'none', TSB_URL: 'http://127.0.0.1:9', JOURNAL_URL: journalFor(t) }), pino({ level: 'silent' }))
    app.announceStop()
    const ready = await app.http.inject('/readyz')
    assert.deepEqual([ready.statusCode, ready.headers['content-type'], ready.headers['connection']], [503, 'application/problem+json', 'close'])
    assert.equal((ready.json() as { code: string }).code, 'shutting-down')
    assert.equal((await app.http.inject('/livez')).statusCode, 200)
    const taken = await app.http.inject({ method: 'POST', url: '/v1/attestation-bundles', payload: order('stopping') })
    assert.equal((taken.json() as { code: string }).code, 'tsb-unavailable')
    await app.stop()
    await assert.rejects(app.http.inject('/livez'))
  })
})
