import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { order } from '../support/service.ts'
import { startServiceProcess } from '../support/process.ts'
import { openDriver, type Driver } from './driver.ts'
import { driveEchoes, driveEvidence, driveFaults } from './faults.ts'
import { openGrep } from './planted.ts'
import { driveRefusals, driveSuccess } from './requests.ts'
import { openStage, SECRETS, type Stage } from './settings.ts'

const grep = openGrep(SECRETS)
let stage: Stage
const codes = new Set<string>()
const visible = ['/metrics', '/readyz', '/v1/attestation-bundles?label=f']

/** What the operating system shows of a process to everybody on the machine. */
function addProcess(pid: number): void {
  if (existsSync(`/proc/${pid}/cmdline`)) for (const file of ['cmdline', 'comm']) grep.add(`process ${file}`, readFileSync(`/proc/${pid}/${file}`))
}

function addJournal(when: string): void {
  for (const name of readdirSync(stage.journal)) grep.add(`journal ${when} ${name}`, readFileSync(join(stage.journal, name)))
}

async function look(driver: Driver): Promise<void> {
  for (const path of visible) await driver.ask(path)
  for (const code of driver.codes) codes.add(code)
}

before(async () => {
  stage = await openStage()
  const { simulator, env } = stage
  const first = await startServiceProcess(env)
  const driver = openDriver(first.url, grep)
  simulator.faults.set('version-info', { kind: 'status', status: 200, body: { Version: `2.5.1-${SECRETS.serviceKey2}` } })
  await driveSuccess(driver)
  await driveRefusals(driver)
  await driveFaults(driver, simulator)
  await driveEchoes(driver, simulator)
  await driveEvidence(driver, simulator)
  await look(driver)
  addProcess(first.pid)
  addJournal('in use')
  const arrived = simulator.next('certificate-request')
  simulator.faults.under('killed').set('certificate-request', { kind: 'hang-before' })
  const cutOff = driver.post(order('killed', { password: SECRETS.password })).catch(() => undefined)
  await arrived
  await first.kill()
  await cutOff
  addJournal('after kill -9')
  grep.add('output', first.written())

  simulator.faults.clear()
  const second = await startServiceProcess(env)
  await second.logged((line) => line['label'] === 'killed' && line['event'] === 'rolled-back')
  const again = openDriver(second.url, grep)
  await again.post(order('killed', { password: SECRETS.password }))
  await look(again)
  await second.stop()
  grep.add('output of the recovery', second.written())
  addJournal('at rest')
  for (const { path, body } of stage.collector.requests) grep.add('spans', Buffer.concat([Buffer.from(path), body]))
})
after(() => stage.close())

describe('secrets stay inside', () => {
  test('no secret is in what the process wrote, answered or kept, in any form', () => assert.deepEqual(grep.finds(), []))

  test('the drive met every problem that a caller or the TSB can bring about', () => {
    const expected = [
      'invalid-request', 'unauthenticated', 'forbidden', 'not-found', 'method-not-allowed', 'not-acceptable', 'key-label-taken', 'transaction-in-progress', 'payload-too-large', 'uri-too-long',
      'unsupported-media-type', 'idempotency-key-reused', 'key-not-attestable', 'profile-violated', 'rollback-impossible', 'tsb-rejected', 'tsb-unauthorized',
      'tsb-invalid-response', 'tsb-error', 'evidence-rejected', 'tsb-unavailable', 'tsb-timeout',
    ]
    assert.deepEqual(expected.filter((code) => !codes.has(code)), [])
  })

  test('the places that were looked at are the real ones: each holds what it must', () => {
    assert.match(grep.textOf('output'), /"msg":"TSB call".*\n[^]*"label":"drive-text"/)
    assert.match(grep.textOf('output of the recovery'), /"label":"killed"/)
    assert.match(grep.textOf('spans'), /POST \/v1\/key[^]*drive-text/)
    assert.match(grep.textOf('spans'), /settle/)
    assert.ok(stage.collector.requests.every(({ headers }) => headers.authorization === `Bearer ${SECRETS.collectorToken}`))
    assert.match(grep.textOf('answer 201'), /PK\u0003\u0004[^]*drive-text\.csr[^]*verification-report\.json/)
    assert.match(grep.textOf('answer 502'), /"rollback":"done"/)
    assert.match(grep.textOf('answer 200 to GET /metrics'), /outcome="failed"/)
    for (const when of ['in use', 'after kill -9', 'at rest']) assert.match(grep.textOf(`journal ${when}`), /drive-text[^]*v1\.[0-9a-f]{8}\./, when)
    assert.ok(stage.simulator.requests.some(({ headers }) => headers['x-api-key'] === SECRETS.managementKey2 && headers.authorization === `Bearer ${SECRETS.token}`))
  })

  test('nothing is left in the folder for temporary files', () => assert.deepEqual(readdirSync(stage.temporary), []))
})
