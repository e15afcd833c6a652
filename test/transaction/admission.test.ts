import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openAdmission } from '../../src/transaction/admission.ts'

const stays = new AbortController().signal

describe('the queue in front of transactions', () => {
  test('lets go in order, and drops who leaves it: the place goes to the next one', async () => {
    const admission = openAdmission(1, 3)
    const leave = await admission.enter(stays)
    const going = new AbortController()
    const order: string[] = []
    const gone = admission.enter(going.signal)
    const second = admission.enter(stays).then((done) => { order.push('second'); return done })
    const third = admission.enter(stays).then((done) => { order.push('third'); return done })
    assert.deepEqual([admission.running(), admission.queued()], [1, 3])
    going.abort()
    assert.equal(admission.queued(), 2)
    await assert.rejects(gone, { code: 'overloaded' })
    leave();
    (await second)()
    await third
    assert.deepEqual([order, admission.running(), admission.queued()], [['second', 'third'], 1, 0])
  })

  test('does not take who has left already', async () => {
    const admission = openAdmission(1, 1)
    await admission.enter(stays)
    const late = assert.rejects(admission.enter(AbortSignal.abort()), { code: 'overloaded' })
    assert.equal(admission.queued(), 0)
    await late
  })

  test('refuses at once where it is full, and a place that is given back twice counts once', async () => {
    const admission = openAdmission(1, 0)
    const leave = await admission.enter(stays)
    await assert.rejects(admission.enter(stays), { code: 'overloaded' })
    leave()
    leave()
    await admission.enter(stays)
    await assert.rejects(admission.enter(stays), { code: 'overloaded' })
  })

  test('turns away who waits when it closes, and waits for who runs', async () => {
    const admission = openAdmission(1, 1)
    const leave = await admission.enter(stays)
    const waiting = assert.rejects(admission.enter(stays), { code: 'shutting-down' })
    const closed = admission.close()
    await waiting
    await assert.rejects(admission.enter(stays), { code: 'shutting-down' })
    let empty = false
    void closed.then(() => { empty = true })
    await new Promise((resolve) => { setImmediate(resolve) })
    assert.equal(empty, false)
    leave()
    await closed
  })
})
