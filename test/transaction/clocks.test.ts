import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { problemIn } from '../support/problem.ts'
import { order, startService, type Service } from '../support/service.ts'

describe("the process's clock is set while create-key is under way", () => {
  let service: Service
  let set = 0
  before(async () => {
    service = await startService({ now: () => new Date(Date.now() + set), env: { TSB_CREATE_KEY_TIMEOUT_MS: '500', SETTLE_AFTER_MS: '60000' } })
  })
  after(() => service.stop())
  beforeEach(() => {
    set = 0
    service.simulator.faults.clear()
  })

  test('back: the new key is not taken for one that was there before, and left behind', async () => {
    service.simulator.alter.createAnswer = (answer) => { set = -60_000; return answer }
    assert.equal((await service.post(order('set-back'))).status, 201)
  })

  test('back: a key whose answer was lost is not taken for an older one', async () => {
    service.simulator.alter.createAnswer = (answer) => { set = -60_000; return answer }
    service.simulator.faults.set('create-key', { kind: 'reset-after' })
    const { transaction } = await problemIn(await service.post(order('lost')), 'tsb-unavailable')
    assert.deepEqual([transaction?.rollback, service.simulator.labels().includes('lost')], ['done', false])
  })

  test('forward: a create without an answer is no older for it, and its label stays held', async () => {
    delete service.simulator.alter.createAnswer
    service.simulator.faults.set('create-key', { kind: 'late' })
    const reached = service.simulator.next('create-key', 'arrived')
    const answer = service.post(order('forward'))
    await reached
    set = 3_600_000
    const { transaction } = await problemIn(await answer, 'tsb-timeout')
    assert.equal(transaction?.rollback, 'pending')
  })
})
