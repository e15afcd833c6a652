import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { Journal, NewTransaction, TransactionStatus } from '../../src/journal/journal.ts'
import { openMemoryJournal } from '../../src/journal/memory.ts'

const DAY = 86_400_000
const UNFINISHED: readonly TransactionStatus[] = ['in-progress', 'rolling-back', 'rollback-owed']
const FAILED: readonly TransactionStatus[] = ['rolled-back', 'abandoned']

let time = 0
let journal: Journal
beforeEach(() => { time = 1_800_000_000_000; journal = openMemoryJournal(30 * DAY, () => time) })

const row = (id: string, more: Partial<NewTransaction> = {}): NewTransaction => ({ id, caller: 'anna', label: `label-${id}`,
  labelIsOurs: false, createdAt: new Date(time), ...more })
const withKey = (key: string): Partial<NewTransaction> => ({ idempotency: { key, fingerprint: { body: 'digest' } } })
const bundle = { fileName: 'x.zip', sha256: '00', size: 3, bytes: Buffer.from('zip') }
const complete = (id: string): Promise<void> => journal.update(id, { status: 'completed', completedAt: new Date(time), bundle })

async function begins(transaction: NewTransaction): Promise<void> {
  assert.deepEqual(await journal.begin(transaction), { state: 'begun' })
}

describe('a transaction', () => {
  test('begins in progress and without steps', async () => {
    await begins(row('1', withKey('k')))
    assert.deepEqual(await journal.find('anna', '1'), { ...row('1', withKey('k')), status: 'in-progress', steps: [] })
  })
  test('is seen by its caller only', async () => {
    await begins(row('1', withKey('k')))
    assert.deepEqual([await journal.find('ben', '1'), await journal.findByIdempotencyKey('ben', 'k'), await journal.list('ben', 'label')],
      [undefined, undefined, []])
  })
  test('keeps what an update does not name', async () => {
    await begins(row('1'))
    await journal.update('1', { steps: [{ name: 'create-key', durationMs: 5 }] })
    await complete('1')
    const found = await journal.find('anna', '1')
    assert.deepEqual([found?.status, found?.steps.length, found?.bundle, found?.label], ['completed', 1, bundle, 'label-1'])
  })
  test('that does not exist cannot be updated', async () => {
    await assert.rejects(journal.update('none', { status: 'completed' }), { message: 'there is no such transaction' })
    assert.equal(await journal.find('anna', 'none'), undefined)
  })
})

describe('the lock on a label', () => {
  for (const status of UNFINISHED) {
    test(`holds while ${status}, in any case of letters and for any caller`, async () => {
      await begins(row('1', { label: 'Seal-A' }))
      await journal.update('1', { status })
      for (const [i, label] of ['Seal-A', 'seal-a', 'SEAL-A'].entries()) {
        assert.deepEqual(await journal.begin(row(`2${i}`, { label, caller: 'ben' })), { state: 'label-held' })
        assert.equal(await journal.find('ben', `2${i}`), undefined)
      }
      await begins(row('3', { label: 'seal-b' }))
    })
  }
  for (const status of [...FAILED, 'completed'] as const) {
    test(`is free again once ${status}`, async () => {
      await begins(row('1', { label: 'seal' }))
      await journal.update('1', { status })
      await begins(row('2', { label: 'seal' }))
    })
  }
  test('two that begin at once do not both begin', async () => {
    const begun = await Promise.all([journal.begin(row('1', { label: 'seal' })), journal.begin(row('2', { label: 'seal' }))])
    assert.deepEqual(begun.map(({ state }) => state).sort(), ['begun', 'label-held'])
  })
})

describe('the Idempotency-Key', () => {
  for (const status of [...UNFINISHED, 'completed'] as const) {
    test(`is held while ${status}, and the holder is named`, async () => {
      await begins(row('1', withKey('k')))
      await journal.update('1', { status })
      const begun = await journal.begin(row('2', withKey('k')))
      assert.equal(begun.state === 'idempotency-key-held' && begun.by.id, '1')
      assert.equal((await journal.findByIdempotencyKey('anna', 'k'))?.id, '1')
    })
  }
  for (const status of FAILED) {
    test(`is free again once ${status}`, async () => {
      await begins(row('1', withKey('k')))
      await journal.update('1', { status })
      assert.equal(await journal.findByIdempotencyKey('anna', 'k'), undefined)
      await begins(row('2', withKey('k')))
      assert.equal((await journal.findByIdempotencyKey('anna', 'k'))?.id, '2')
    })
  }
  test('is scoped to its caller and compared exactly', async () => {
    await begins(row('1', withKey('k')))
    await begins(row('2', { ...withKey('k'), caller: 'ben' }))
    await begins(row('3', withKey('K')))
    assert.equal((await journal.findByIdempotencyKey('ben', 'k'))?.id, '2')
  })
  test('comes before the label: a repeated request is told of its own transaction', async () => {
    await begins(row('1', { label: 'seal', ...withKey('k') }))
    assert.equal((await journal.begin(row('2', { label: 'seal', ...withKey('k') }))).state, 'idempotency-key-held')
  })
})

describe('the list', () => {
  test('finds the label or how it begins, newest first', async () => {
    for (const [id, label] of [['1', 'seal-a'], ['2', 'seal-ab'], ['3', 'Seal-a'], ['4', 'x-seal-a']] as const) {
      await begins(row(id, { label }))
      await complete(id)
    }
    assert.deepEqual((await journal.list('anna', 'seal-a')).map(({ id }) => id), ['2', '1'])
    assert.deepEqual((await journal.list('anna', 'seal-ab')).map(({ id }) => id), ['2'])
    assert.deepEqual(await journal.list('anna', 'seal-abc'), [])
  })
  test('has 100 at most, the newest', async () => {
    for (let i = 0; i < 120; i += 1) await begins(row(String(i)))
    const ids = (await journal.list('anna', 'label-')).map(({ id }) => id)
    assert.deepEqual([ids.length, ids[0], ids.at(-1)], [100, '119', '20'])
  })
})

describe('what is kept', () => {
  test('the bytes until the retention time, the row beyond it', async () => {
    await begins(row('1', withKey('k')))
    await complete('1')
    time += 30 * DAY - 1
    assert.equal((await journal.find('anna', '1'))?.bundle?.bytes, bundle.bytes)
    time += 1
    for (const found of [await journal.find('anna', '1'), await journal.findByIdempotencyKey('anna', 'k')]) {
      assert.deepEqual([found?.status, found?.bundle], ['completed', { fileName: 'x.zip', sha256: '00', size: 3 }])
    }
  })
  test('every bundle for its time: a full journal refuses what is new', async () => {
    journal = openMemoryJournal(30 * DAY, () => time, 2)
    for (const id of ['1', '2']) { await begins(row(id)); await complete(id) }
    await assert.rejects(begins(row('3')), { code: 'journal-unavailable' })
    assert.deepEqual((await journal.list('anna', 'label-')).map(({ id }) => id), ['2', '1'])
    time += 30 * DAY
    await begins(row('3'))
  })
  test('a bundle, its Idempotency-Key and its place in the list, however many refused requests come after it', async () => {
    await begins(row('kept', { label: 'seal' }))
    await complete('kept')
    for (let i = 0; i < 1_500; i += 1) {
      await begins(row(`refused-${i}`, { label: 'seal' }))
      await journal.update(`refused-${i}`, { status: 'rolled-back' })
    }
    assert.equal((await journal.find('anna', 'kept'))?.status, 'completed')
    assert.equal((await journal.findCompleted('anna', 'seal'))?.id, 'kept')
    const listed = await journal.list('anna', 'seal')
    assert.deepEqual([listed.length, listed[0]?.id, listed.at(-1)?.id], [100, 'refused-1499', 'kept'])
  })
  test('nothing once closed', async () => {
    await begins(row('1'))
    await journal.close()
    assert.equal(await journal.find('anna', '1'), undefined)
  })
})
