import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Fault } from '../../src/simulator/simulator.ts'
import { problemIn } from '../support/problem.ts'
import { settled } from '../support/restarts.ts'
import { order, startService, type Service } from '../support/service.ts'

const SETTLE_MS = 2_000

describe('a delete that went unanswered and arrives late', { concurrency: true }, () => {
  let service: Service
  before(async () => { service = await startService({ env: { TSB_TIMEOUT_MS: '600', SETTLE_AFTER_MS: String(SETTLE_MS) } }) })
  after(() => service.stop())

  /** Has the CSR of a label fail, so that its key is deleted, and the deletes meet these faults. */
  function failing(label: string, ...deletes: Fault[]): void {
    const faults = service.simulator.faults.under(label)
    faults.set('certificate-request', { kind: 'hsm-error' })
    faults.set('delete-key', ...deletes)
  }
  const broken: Fault = { kind: 'not-found-bare' }
  for (const [label, deletes, rollback] of [
    ['repeated-at-once', [], 'done'],
    ['repeated-a-moment-later', [broken], 'done'],
    ['repeated-by-the-recovery', [{ ...broken, times: 3 }], 'pending'],
  ] as const) {
    test(`meets nobody's key: the label is held until it can have no effect any more (${label})`, async () => {
      const { simulator } = service
      failing(label, { kind: 'late' }, ...deletes)
      const { transaction } = await problemIn(await service.post(order(label)), 'tsb-error')
      assert.equal(transaction?.rollback, rollback)
      while (simulator.labels().includes(label)) await simulator.next('delete-key', 'acted')
      const gone = performance.now()
      // Somebody else wants the label at once, and the delete would come while they have it.
      await problemIn(await service.post(order(label)), 'key-label-taken')
      await simulator.releaseLate(label)
      await service.logged(settled(label))
      assert.ok(performance.now() - gone > SETTLE_MS / 2, 'the label is free already')
      assert.equal((await service.post(order(label))).status, 201)
    })
  }

  test('under a label of its own keeps nobody waiting', async () => {
    failing('of-its-own', { kind: 'late' })
    const { key: { label: labelPrefix, ...key }, csr } = order('of-its-own')
    const { transaction } = await problemIn(await service.post({ key: { labelPrefix, ...key }, csr }), 'tsb-error')
    const seen = await (await service.get(`/v1/attestation-bundles/${transaction?.id}`, { accept: 'application/json' })).json() as { status: string }
    assert.deepEqual([transaction?.rollback, seen.status], ['done', 'rolled-back'])
    await service.simulator.releaseLate('of-its-own')
  })
})
