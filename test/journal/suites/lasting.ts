import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Journal } from '../../../src/journal/journal.ts'
import { type Bench, begun, begunIn, BUNDLE, LEASE_MS, row, withKey, written } from '../bench.ts'

/** What outlives the process, and the version of the service. */
export function lasting(bench: () => Bench): void {
  test('everything is there after closing and opening again', async () => {
    const journal = await bench().openFresh()
    const committed = await begunIn(journal, 'committed', withKey('k'))
    const owed = await begunIn(journal, 'rollback-owed', { secret: 'sealed' })
    const before = [await journal.findAny(committed.id), await journal.findAny(owed.id)]
    await journal.close()
    const again = await bench().openFresh({ exclusive: true })
    assert.deepEqual([await again.findAny(committed.id), await again.findAny(owed.id)], before)
    assert.deepEqual((await again.findByIdempotencyKey('anna', 'k'))?.bundle, BUNDLE)
    await bench().elapse(LEASE_MS)
    assert.deepEqual((await again.takeOver(5, [])).map(({ id, secret }) => [id, secret]), [[owed.id, 'sealed']])
  })
  test('a closed journal says that it cannot be read', async () => {
    const journal = await bench().openFresh()
    await journal.close()
    await assert.rejects(journal.count(), { code: 'journal-unavailable', detail: 'the journal cannot be read or written' })
  })

  describe('a journal that a newer version has migrated', () => {
    test('serves this one, whose writes leave the new columns alone', async () => {
      await bench().openFresh()
      await bench().ask("insert into bundle_migration (name, timestamp) values ('999-of-tomorrow', '2999-01-01T00:00:00.000Z')")
      await bench().ask("insert into bundle_migration (name, timestamp) values ('000-of-a-mended-version', '2999-01-01T00:00:00.001Z')")
      await bench().ask("alter table bundle_transaction add column of_tomorrow text default 'new'")
      const older = await bench().openFresh()
      const claim = await begun(older, row())
      await bench().ask("update bundle_transaction set of_tomorrow = 'written by the newer'")
      await written(older, claim, { state: 'key-created' })
      await bench().elapse(LEASE_MS)
      assert.equal((await older.takeOver(5, [])).length, 1)
      const left = await bench().ask('select state, of_tomorrow from bundle_transaction')
      assert.deepEqual(left, [{ state: 'rolling-back', of_tomorrow: 'written by the newer' }])
      await bench().ask('alter table bundle_transaction drop column of_tomorrow')
      await bench().ask("delete from bundle_migration where name like '%-of-%'")
    })
  })
  test('ten that open it at once make its tables once', async () => {
    await bench().ask('drop table bundle_transaction')
    await bench().ask('drop table bundle_heartbeat')
    await bench().ask('delete from bundle_migration')
    const journals: Journal[] = []
    // SQLite's opening waits for another one's with the whole process: between two that run in one process, it would wait in vain.
    if (bench().name === 'SQLite') for (let i = 0; i < 10; i += 1) journals.push(await bench().openFresh())
    else journals.push(...await Promise.all(Array.from({ length: 10 }, () => bench().openFresh())))
    await begun(journals[9]!, row())
    assert.equal((await journals[0]!.listAll({ open: true, limit: 9 })).length, 1)
    assert.deepEqual(await bench().ask('select name from bundle_migration'), [{ name: '001-first' }])
  })
}
