import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { Journal } from '../../../src/journal/journal.ts'
import { type Bench, begun, begunIn, BUNDLE, RETENTION_MS, row, withKey } from '../bench.ts'

const NEEDED = 'id, caller, tsb, label, label_key, label_is_ours, state, fence, create_body, created_at, steps'
const { bytes: _bytes, ...WITHOUT_BYTES } = BUNDLE

/** What callers and operators find, and what is kept for how long. */
export function reading(bench: () => Bench): void {
  let journal: Journal
  beforeEach(async () => { journal = await bench().open() })
  const listed = async (label: string): Promise<string[]> => (await journal.list('anna', label)).map((each) => each.label)

  describe('the list', () => {
    test('finds the label or how it begins, newest first', async () => {
      for (const label of ['seal-a', 'seal-ab', 'Seal-a', 'x-seal-a']) await begun(journal, row({ label, labelIsOurs: true })).then(
        ({ id }) => bench().ask("update bundle_transaction set state = 'rolled-back' where id = $1", id))
      assert.deepEqual(await listed('seal-a'), ['seal-ab', 'seal-a'])
      assert.deepEqual(await listed('seal-ab'), ['seal-ab'])
      assert.deepEqual(await listed('seal-abc'), [])
    })
    test('takes every character of a prefix as itself', async () => {
      for (const label of ['a_b', 'axb', 'a.b', 'a%b', 'a*b', 'a[b', 'A_B1', 'a_b~', 'a_b\u{FFFF}']) await begun(journal, row({ label }))
      assert.deepEqual(await listed('a_'), ['a_b\u{FFFF}', 'a_b~', 'a_b'])
      for (const label of ['a.', 'a%', 'a*', 'a[']) assert.deepEqual(await listed(label), [`${label}b`])
      assert.deepEqual(await listed('A'), ['A_B1'])
    })
    test('has 100 at most, the newest', async () => {
      for (let i = 0; i < 120; i += 1) await begun(journal, row({ label: `label-${i}` }))
      const labels = await listed('label-')
      assert.deepEqual([labels.length, labels[0], labels.at(-1)], [100, 'label-119', 'label-20'])
    })
    test('has rolled-back ones only where there is room, and is the newest first all the same', async () => {
      for (let i = 0; i < 70; i += 1) {
        await begunIn(journal, 'rolled-back', { label: `label-${i}-back` })
        await begun(journal, row({ label: `label-${i}` }))
      }
      const labels = await listed('label-')
      assert.deepEqual([labels.length, labels.filter((label) => !label.endsWith('back')).length], [100, 70])
      assert.deepEqual([labels.slice(0, 3), labels.at(-1)], [['label-69', 'label-69-back', 'label-68'], 'label-0'])
    })
    test('is the same where so many labels begin alike that they are found in order of time', async () => {
      await bench().ask(`insert into bundle_transaction (${NEEDED})
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 6000)
        select 'id-' || i, 'anna', 't', case when i % 2 = 0 then 'seal_' else 'Seal_' end || i, 'l' || i, 0,
          case when i < 5950 then 'rolled-back' else 'committed' end, 1, '{}', i, '[]' from n`)
      await bench().ask(`insert into bundle_transaction (${NEEDED})
        select 'more-' || id, caller, tsb, 'seal_' || id, id, 0, 'rolled-back', 1, '{}', created_at - 10000, '[]' from bundle_transaction`)
      const labels = await listed('seal_')
      assert.equal(labels.length, 100)
      assert.deepEqual([labels[0], labels[25], labels[26], labels.at(-1)], ['seal_6000', 'seal_5950', 'seal_5948', 'seal_5802'])
    })
    test('has no bytes', async () => {
      const { id } = await begunIn(journal, 'committed', { label: 'seal' })
      assert.deepEqual((await journal.list('anna', 'seal')).map(({ bundle }) => bundle), [WITHOUT_BYTES])
      assert.deepEqual((await journal.listAll({ open: false, limit: 5 })).map((each) => [each.id, each.bundle]), [[id, WITHOUT_BYTES]])
    })
  })

  describe('the newest committed row of a label', () => {
    test('is of exactly this label, and of this caller', async () => {
      await begunIn(journal, 'committed', { label: 'seal', id: 'old' })
      await begunIn(journal, 'committed', { label: 'seal', id: 'new' })
      await begunIn(journal, 'committed', { label: 'seal', caller: 'ben' })
      await begunIn(journal, 'committed', { label: 'SEAL' })
      await begunIn(journal, 'rolled-back', { label: 'seal' })
      assert.deepEqual([(await journal.findCommitted('anna', 'seal'))?.id, await journal.findCommitted('anna', 'sea')], ['new', undefined])
    })
  })

  describe('operators', () => {
    test('see all callers and TSBs, newest first, and what is open apart', async () => {
      const elsewhere = await bench().open({ tsb: 'https://other.example' })
      const states = ['committed', 'abandoned', 'rolled-back', 'rollback-owed'] as const
      for (const state of states) await begunIn(elsewhere, state, { id: state, caller: 'ben' })
      await begunIn(journal, 'abandoned', { id: 'written-off' })
      await journal.writeOff('written-off', 'gone')
      await begun(journal, row({ id: 'running' }))
      const ids = async (open: boolean, limit: number): Promise<string[]> => (await journal.listAll({ open, limit })).map(({ id }) => id)
      assert.deepEqual(await ids(true, 9), ['running', 'rollback-owed', 'abandoned'])
      assert.deepEqual(await ids(false, 9), ['running', 'written-off', 'rollback-owed', 'rolled-back', 'abandoned', 'committed'])
      assert.deepEqual(await ids(false, 2), ['running', 'written-off'])
      assert.deepEqual([await journal.count(), (await journal.findAny('abandoned'))?.caller], [{ owed: 1, abandoned: 1 }, 'ben'])
    })
  })

  describe('what is kept', () => {
    test('the bytes until the retention time, whether or not anybody tidied up; the row beyond it', async () => {
      const { id } = await begunIn(journal, 'committed', { label: 'seal', ...withKey('k') })
      const bundles = async () => (await Promise.all([journal.find('anna', id), journal.findByIdempotencyKey('anna', 'k'),
        journal.findCommitted('anna', 'seal'), journal.findAny(id)])).map((found) => found?.bundle)
      await bench().elapse(RETENTION_MS - 5_000)
      assert.equal(await journal.expireBundles(), 0)
      assert.deepEqual(await bundles(), Array.from({ length: 4 }, () => BUNDLE))
      await bench().elapse(5_000)
      assert.deepEqual(await bundles(), Array.from({ length: 4 }, () => WITHOUT_BYTES))
      assert.equal(await journal.expireBundles(), 1)
      assert.deepEqual(await bundles(), Array.from({ length: 4 }, () => WITHOUT_BYTES))
      assert.deepEqual((await bench().ask('select bundle_bytes from bundle_transaction'))[0]?.['bundle_bytes'], null)
    })
    test('nothing of what is due, however many, with two replicas at work; and all that is not', async () => {
      await begunIn(journal, 'committed', { id: 'old' })
      await bench().ask(`insert into bundle_transaction (${NEEDED}, ended_at, bundle_file_name, bundle_sha256, bundle_size, bundle_bytes)
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 250)
        select id || i, caller, tsb, label, label_key, 0, state, 1, '{}', created_at, '[]', ended_at, 'f', 's', 3, bundle_bytes
        from bundle_transaction, n`)
      await bench().elapse(RETENTION_MS)
      await begunIn(journal, 'committed', { id: 'young' })
      const other = await bench().open()
      const counts = await Promise.all([journal.expireBundles(), other.expireBundles()])
      assert.equal(counts[0] + counts[1], 251)
      assert.deepEqual(await bench().ask('select id from bundle_transaction where bundle_bytes is not null'), [{ id: 'young' }])
    })
  })
}
