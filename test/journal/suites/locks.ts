import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { Journal, TransactionState } from '../../../src/journal/journal.ts'
import { UNFINISHED } from '../../../src/journal/journal.ts'
import { type Bench, begun, begunIn, row, withKey } from '../bench.ts'

const FAILED: readonly TransactionState[] = ['rolled-back', 'abandoned']

/** What is unique, and what a new transaction is told of what stands in its way. */
export function locks(bench: () => Bench): void {
  let journal: Journal
  beforeEach(async () => { journal = await bench().open() })
  const rows = async (): Promise<number> => Number((await bench().ask('select count(*) as n from bundle_transaction'))[0]?.['n'])

  describe('a transaction', () => {
    test('begins with everything it was given', async () => {
      const given = row({ ...withKey('k'), labelIsOurs: true })
      assert.deepEqual(await journal.begin(given), { state: 'begun', claim: { id: given.id, fence: 1, state: 'began' } })
      const { createBody: _kept, ...seen } = given
      assert.deepEqual(await journal.find('anna', given.id), { ...seen, tsb: 'https://tsb.example', state: 'began', steps: [] })
    })
    test('keeps the salt of its password\'s hash', async () => {
      const idempotency = { key: 'k', fingerprint: { body: 'digest', password: { salt: 's', hash: 'h' } } }
      await begun(journal, row({ idempotency }))
      assert.deepEqual((await journal.findByIdempotencyKey('anna', 'k'))?.idempotency, idempotency)
    })
    test('is seen by its caller only', async () => {
      const { id } = await begun(journal, row({ id: 'one', ...withKey('k') }))
      const seen = [await journal.find('ben', id), await journal.findByIdempotencyKey('ben', 'k'), await journal.list('ben', 'label')]
      assert.deepEqual(seen, [undefined, undefined, []])
    })
    test('with an id that is in use does not begin', async () => {
      await begun(journal, row({ id: 'one' }))
      await assert.rejects(journal.begin(row({ id: 'one', label: 'other' })), { code: 'journal-unavailable' })
      assert.equal(await rows(), 1)
    })
  })

  describe('the lock on a label', () => {
    for (const state of UNFINISHED) {
      test(`holds while ${state}, in any case of letters and for any caller`, async () => {
        await begunIn(journal, state, { label: 'Seal-A' })
        for (const label of ['Seal-A', 'seal-a', 'SEAL-A']) {
          assert.deepEqual(await journal.begin(row({ label, caller: 'ben' })), { state: 'label-held' })
        }
        await begun(journal, row({ label: 'seal-b' }))
        assert.equal(await rows(), 2)
      })
    }
    for (const state of [...FAILED, 'committed'] as const) {
      test(`is free again once ${state}`, async () => {
        await begunIn(journal, state, { label: 'seal' })
        await begun(journal, row({ label: 'seal' }))
      })
    }
    test('is another one at another TSB', async () => {
      await begun(journal, row({ label: 'seal' }))
      await begun(await bench().open({ tsb: 'https://other.example' }), row({ label: 'seal' }))
    })
    test('lets one of a hundred through that begin at once on two replicas', async () => {
      const both = [journal, await bench().open()]
      const labels = ['seal-a', 'seal-b', 'seal-c', 'seal-d']
      const begins = Array.from({ length: 100 }, (_, i) => both[i % 2]!.begin(row({ label: labels[i % 4]! })))
      const states = (await Promise.all(begins)).map(({ state }) => state)
      assert.equal(states.filter((state) => state === 'label-held').length, 96)
      const left = (await journal.listAll({ open: true, limit: 100 })).map(({ label }) => label)
      assert.deepEqual(left.sort(), labels)
    })
  })

  describe('the Idempotency-Key', () => {
    for (const state of [...UNFINISHED, 'committed'] as const) {
      test(`is held while ${state}, and the holder is named`, async () => {
        const { id } = await begunIn(journal, state, withKey('k'))
        const answer = await journal.begin(row(withKey('k')))
        assert.deepEqual(answer, { state: 'idempotency-key-held', by: await journal.find('anna', id) })
        assert.equal((await journal.findByIdempotencyKey('anna', 'k'))?.id, id)
      })
    }
    for (const state of FAILED) {
      test(`is free again once ${state}`, async () => {
        await begunIn(journal, state, withKey('k'))
        assert.equal(await journal.findByIdempotencyKey('anna', 'k'), undefined)
        const { id } = await begun(journal, row(withKey('k')))
        assert.equal((await journal.findByIdempotencyKey('anna', 'k'))?.id, id)
      })
    }
    test('is scoped to its caller and compared exactly', async () => {
      await begun(journal, row(withKey('k')))
      const { id } = await begun(journal, row({ ...withKey('k'), caller: 'ben' }))
      await begun(journal, row(withKey('K')))
      assert.equal((await journal.findByIdempotencyKey('ben', 'k'))?.id, id)
    })
    test('comes before the label: a repeated request is told of its own transaction', async () => {
      await begun(journal, row({ label: 'seal', ...withKey('k') }))
      assert.equal((await journal.begin(row({ label: 'seal', ...withKey('k') }))).state, 'idempotency-key-held')
    })
    test('lets one of a hundred through that begin at once on two replicas, and names it to the others', async () => {
      const both = [journal, await bench().open()]
      const keys = ['a', 'b']
      const begins = Array.from({ length: 100 }, (_, i) => both[i % 2]!.begin(row({ labelIsOurs: true, ...withKey(keys[(i >> 1) % 2]!) })))
      const answers = await Promise.all(begins)
      const winners = answers.flatMap((answer) => (answer.state === 'begun' ? [answer.claim.id] : []))
      assert.equal(await rows(), 2)
      assert.equal(winners.length, 2)
      const named = new Set(answers.flatMap((answer) => (answer.state === 'idempotency-key-held' ? [answer.by.id] : [])))
      assert.deepEqual([...named].sort(), winners.sort())
    })
  })
}
