import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { Journal } from '../../../src/journal/journal.ts'
import { UNFINISHED } from '../../../src/journal/journal.ts'
import { type Bench, begun, begunIn, isAge, LEASE_MS, row, SETTLING, written } from '../bench.ts'

/** Who may take which row, and when. `journal` crashed or stands still; `other` comes after it. */
export function leases(bench: () => Bench): void {
  let journal: Journal
  let other: Journal
  beforeEach(async () => { journal = await bench().open(); other = await bench().open() })

  describe('a lease', () => {
    test('keeps its row from everybody until it has run out', async () => {
      const { id } = await begun(journal, row())
      await bench().elapse(LEASE_MS - 5_000)
      assert.deepEqual(await other.takeOver(5, []), [])
      await bench().elapse(5_000)
      assert.deepEqual((await other.takeOver(5, [])).map((each) => each.id), [id])
    })
    for (const renewal of ['a heartbeat', 'a write'] as const) {
      test(`is renewed by ${renewal}`, async () => {
        const claim = await begun(journal, row())
        await bench().elapse(LEASE_MS - 1_000)
        if (renewal === 'a write') await written(journal, claim, { state: 'key-created' })
        else await journal.beat([claim.id])
        await bench().elapse(LEASE_MS - 5_000)
        assert.deepEqual(await other.takeOver(5, []), [])
      })
    }
    test('is not renewed by the heartbeat of a process that lost the row, nor for a row that it does not name', async () => {
      const [lost, unnamed] = [await begun(journal, row()), await begun(journal, row())]
      await bench().elapse(LEASE_MS)
      assert.equal((await other.takeOver(1, [unnamed.id])).length, 1)
      await bench().elapse(LEASE_MS)
      await journal.beat([lost.id])
      assert.deepEqual((await other.takeOver(5, [])).map(({ id }) => id).sort(), [lost.id, unnamed.id].sort())
    })
    test('that ran out still holds against nobody: its owner goes on until somebody takes the row', async () => {
      const claim = await begun(journal, row())
      await bench().elapse(10 * LEASE_MS)
      await written(journal, claim, { state: 'key-created' })
      assert.deepEqual(await other.takeOver(5, []), [])
    })
  })

  test('a lease from before the clock was set back is nobody\'s with SQLite, and is waited for where others may have written it', async () => {
    const [held, left] = [await begun(journal, row()), await begun(journal, row())]
    const waiting = await begunIn(journal, 'rolling-back')
    await written(journal, waiting, { state: 'rollback-owed', settling: SETTLING, releaseForMs: 600_000 })
    await bench().elapse(-3_600_000)
    await journal.beat([held.id])
    const taken = (await other.takeOver(5, [])).map(({ id }) => id)
    assert.deepEqual(taken, bench().name === 'SQLite' ? [left.id] : [])
  })

  describe('taking over', () => {
    for (const state of UNFINISHED) {
      test(`${state}: raises the fence, and the former claim is worth nothing`, async () => {
        const claim = await begunIn(journal, state)
        await bench().elapse(LEASE_MS)
        // Who had a row that was rolled back already may have sent a delete: its recovery has to know.
        const after = state === 'rollback-owed' || state === 'rolling-back' ? 'rollback-owed' : 'rolling-back'
        const [taken] = await other.takeOver(5, [])
        assert.deepEqual([taken?.fence, taken?.state], [claim.fence + 1, after])
        assert.equal(await journal.write(claim, { steps: [] }), undefined)
        assert.deepEqual(await journal.readAnew(claim.id), { id: claim.id, fence: claim.fence + 1, state: after })
      })
    }
    test('tells a recovery what it has to know', async () => {
      const given = row({ secret: 'sealed', labelIsOurs: true, createBody: { label: 'x', size: 3 } })
      const claim = await written(journal, await begun(journal, given), { createLeaves: true })
      await bench().elapse(1_000)
      await written(journal, claim, { state: 'key-created', publicKey: Buffer.from('spki'), settling: SETTLING })
      await bench().elapse(LEASE_MS + 7_000)
      const [{ sentAgoMs, lapsedMs, ...rest } = assert.fail()] = await other.takeOver(5, [])
      assert.deepEqual(rest, {
        id: claim.id, fence: 2, state: 'rolling-back', caller: 'anna', label: given.label, labelIsOurs: true, createBody: given.createBody,
        secret: 'sealed', publicKey: Buffer.from('spki'), settling: SETTLING,
      })
      isAge(sentAgoMs, LEASE_MS + 8_000)
      isAge(lapsedMs, 7_000)
    })
    test('tells that create-key never left', async () => {
      await begun(journal, row())
      await bench().elapse(LEASE_MS)
      const [inherited] = await other.takeOver(5, [])
      assert.ok(inherited)
      for (const absent of ['sentAgoMs', 'publicKey', 'secret', 'settling']) assert.ok(!(absent in inherited), absent)
    })
    test('counts the time since the last owner who wrote: a recovery that died does not make an old row young', async () => {
      await begun(journal, row())
      await bench().elapse(LEASE_MS + 86_400_000)
      const [first] = await other.takeOver(5, [])
      isAge(first?.lapsedMs, 86_400_000)
      await bench().elapse(LEASE_MS + 1_000)
      const [second = assert.fail()] = await journal.takeOver(5, [])
      isAge(second.lapsedMs, 86_400_000 + LEASE_MS + 1_000)
      await written(journal, second, { settling: SETTLING })
      await bench().elapse(LEASE_MS + 1_000)
      isAge((await other.takeOver(5, []))[0]?.lapsedMs, 1_000)
    })
    test('leaves rows that this process holds in memory', async () => {
      const [held, left] = [await begun(journal, row()), await begun(journal, row())]
      await bench().elapse(LEASE_MS)
      assert.deepEqual((await journal.takeOver(5, [held.id])).map(({ id }) => id), [left.id])
      await written(journal, held, { state: 'key-created' })
    })
    test('leaves what has ended', async () => {
      for (const state of ['committed', 'rolled-back', 'abandoned'] as const) await begunIn(journal, state)
      await bench().elapse(100 * LEASE_MS)
      assert.deepEqual(await other.takeOver(5, []), [])
    })
    test('takes as many as it was asked for, those that wait longest first', async () => {
      const ids: string[] = []
      for (let i = 0; i < 5; i += 1) { ids.push((await begun(journal, row())).id); await bench().elapse(10) }
      await bench().elapse(LEASE_MS)
      assert.deepEqual((await other.takeOver(3, [])).map(({ id }) => id).sort(), ids.slice(0, 3).sort())
      assert.deepEqual((await other.takeOver(3, [])).map(({ id }) => id).sort(), ids.slice(3).sort())
    })
    test('at once on two replicas takes every row once', async () => {
      for (let i = 0; i < 40; i += 1) await begun(journal, row())
      await bench().elapse(LEASE_MS)
      const taken = (await Promise.all(Array.from({ length: 20 }, (_, i) => [journal, other][i % 2]!.takeOver(3, [])))).flat()
      assert.deepEqual([taken.length, new Set(taken.map(({ id }) => id)).size, new Set(taken.map(({ fence }) => fence)).size], [40, 40, 1])
    })
    test('never takes another TSB\'s rows, which are counted and listed all the same', async () => {
      const elsewhere = await bench().open({ tsb: 'https://other.example' })
      const { id } = await begunIn(elsewhere, 'rollback-owed')
      await bench().elapse(LEASE_MS)
      assert.deepEqual(await other.takeOver(5, []), [])
      assert.deepEqual([await other.count(), await other.countInherited()], [{ owed: 1, abandoned: 0 }, 0])
      assert.deepEqual((await other.listAll({ open: true, limit: 5 })).map((each) => [each.id, each.tsb]), [[id, 'https://other.example']])
      assert.equal(await other.takeOne(id), 'other-tsb')
    })
  })

  describe('what was left by others', () => {
    test('is counted until somebody has taken it over', async () => {
      for (const state of ['began', 'rolling-back', 'rollback-owed', 'committed', 'abandoned'] as const) await begunIn(journal, state)
      await begun(other, row())
      // SQLite serves one process: what another one holds is left. On PostgreSQL that process may be alive until its lease runs out.
      assert.equal(await other.countInherited(), bench().name === 'SQLite' ? 3 : 0)
      await bench().elapse(LEASE_MS)
      assert.equal(await other.countInherited(), 3)
      await other.takeOver(2, [])
      assert.equal(await other.countInherited(), 1)
      await other.takeOver(2, [])
      assert.equal(await other.countInherited(), 0)
    })
    test('is not what waits for its next try', async () => {
      const claim = await begunIn(journal, 'rolling-back')
      await written(journal, claim, { state: 'rollback-owed', settling: SETTLING, releaseForMs: 600_000 })
      assert.equal(await other.countInherited(), 0)
      await bench().elapse(600_000)
      assert.equal(await other.countInherited(), 1)
    })
  })
}
