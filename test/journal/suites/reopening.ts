import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { Journal, Reopened, TransactionState } from '../../../src/journal/journal.ts'
import { STATES } from '../../../src/journal/journal.ts'
import { type Bench, begun, begunIn, isAge, LEASE_MS, row, SETTLING, withKey, written } from '../bench.ts'

const LATE: Reopened = { sentAgoMs: 3_000, secret: 'sealed again', publicKey: Buffer.from('spki'), reason: 'its create may still land' }
const NOTHING_OWED: readonly TransactionState[] = ['committed', 'rolled-back']

/** A fenced-off owner whose create may land late; and what an operator does by hand. */
export function reopening(bench: () => Bench): void {
  let journal: Journal
  let other: Journal
  beforeEach(async () => { journal = await bench().open(); other = await bench().open() })
  const secretOf = async (id: string): Promise<unknown> =>
    (await bench().ask('select secret from bundle_transaction where id = $1', id))[0]?.['secret']

  describe('reopening', () => {
    for (const state of STATES.filter((each) => each !== 'committed')) {
      test(`makes a ${state} row owed again, due at once, with what the late create needs`, async () => {
        const claim = await begunIn(other, state, { secret: 'sealed' })
        assert.equal(await journal.reopen(claim.id, LATE), 'owed')
        const seen = await journal.findAny(claim.id)
        assert.deepEqual([seen?.state, seen?.reason, seen?.endedAt], ['rollback-owed', LATE.reason, undefined])
        const [{ sentAgoMs, ...inherited } = assert.fail()] = await other.takeOver(5, [])
        const { fence, secret, publicKey, settling } = inherited
        assert.deepEqual([fence, secret, publicKey, settling], [claim.fence + 2, 'sealed again', LATE.publicKey, undefined])
        isAge(sentAgoMs, 3_000)
      })
    }
    test('does nothing to a committed row', async () => {
      const { id } = await begunIn(journal, 'committed')
      const before = await bench().ask('select * from bundle_transaction')
      assert.equal(await journal.reopen(id, LATE), 'committed')
      assert.deepEqual(await bench().ask('select * from bundle_transaction'), before)
    })
    test('keeps the secret and the public key that the row has where it names none', async () => {
      const began = await begun(journal, row({ secret: 'sealed' }))
      const claim = await written(journal, began, { state: 'key-created', publicKey: Buffer.from('old') })
      await journal.reopen(claim.id, { sentAgoMs: 0, reason: 'late' })
      const [inherited] = await other.takeOver(5, [])
      assert.deepEqual([inherited?.secret, inherited?.publicKey], ['sealed', Buffer.from('old')])
    })
    test('takes a row from the recovery that is at work on it', async () => {
      await begun(journal, row())
      await bench().elapse(LEASE_MS)
      const [recovery = assert.fail()] = await other.takeOver(5, [])
      assert.equal(await journal.reopen(recovery.id, LATE), 'owed')
      assert.equal(await other.write(recovery, { state: 'rolled-back' }), undefined)
      assert.equal((await journal.findAny(recovery.id))?.state, 'rollback-owed')
    })
    test('ends owed, whether it comes before the recovery\'s last write or after it', async () => {
      for (let i = 0; i < 10; i += 1) {
        await begun(journal, row())
        await bench().elapse(LEASE_MS)
        const [recovery = assert.fail()] = await other.takeOver(1, [])
        const last = (): Promise<unknown> => other.write(recovery, { state: 'rolled-back' })
        const late = (): Promise<unknown> => journal.reopen(recovery.id, LATE)
        await Promise.all(i % 2 === 0 ? [last(), late()] : [late(), last()])
        assert.deepEqual([(await journal.findAny(recovery.id))?.state, await secretOf(recovery.id)], ['rollback-owed', 'sealed again'])
        await journal.takeOne(recovery.id)
      }
    })
    test('finds the label held by another transaction: the row is abandoned and says so', async () => {
      const { id } = await begunIn(journal, 'rolled-back', { label: 'seal' })
      const next = await begun(journal, row({ label: 'SEAL' }))
      assert.equal(await journal.reopen(id, LATE), 'abandoned')
      const seen = await journal.findAny(id)
      assert.deepEqual([seen?.state, await secretOf(id)], ['abandoned', 'sealed again'])
      assert.equal(seen?.reason, 'its create may still land; another transaction has the label by now')
      assert.ok(seen?.endedAt)
      assert.deepEqual([await journal.readAnew(next.id), await journal.count()], [next, { owed: 0, abandoned: 1 }])
    })
    test('leaves exactly one holder of a label where a new transaction begins at once', async () => {
      for (let i = 0; i < 10; i += 1) {
        const label = `seal-${i}`
        const { id } = await begunIn(journal, 'rolled-back', { label })
        const [answer, reopened] = await Promise.all([other.begin(row({ label })), journal.reopen(id, LATE)])
        assert.deepEqual([answer.state, reopened], answer.state === 'begun' ? ['begun', 'abandoned'] : ['label-held', 'owed'])
      }
    })
    test('leaves the Idempotency-Key to whoever has it by now; an unfinished row keeps its own', async () => {
      const ended = await begunIn(journal, 'rolled-back', withKey('k'))
      const holder = await begun(journal, row(withKey('k')))
      assert.equal(await journal.reopen(ended.id, LATE), 'owed')
      assert.equal((await journal.findByIdempotencyKey('anna', 'k'))?.id, holder.id)
      assert.equal((await journal.findAny(ended.id))?.idempotency, undefined)
      assert.equal(await journal.reopen(holder.id, LATE), 'owed')
      assert.equal((await journal.findByIdempotencyKey('anna', 'k'))?.id, holder.id)
    })
    test('counts again what an operator had written off', async () => {
      const { id } = await begunIn(journal, 'abandoned')
      await journal.writeOff(id, 'gone')
      assert.equal(await journal.reopen(id, LATE), 'owed')
      assert.deepEqual([(await journal.findAny(id))?.writtenOffAt, await journal.count()], [undefined, { owed: 1, abandoned: 0 }])
    })
    test('fails where the journal lost the row: its caller must not believe that the debt is written', async () => {
      const detail = 'the journal does not have this transaction any more'
      await assert.rejects(journal.reopen('none', LATE), { code: 'journal-unavailable', detail })
    })
  })

  describe('by hand', () => {
    for (const state of ['abandoned', 'rollback-owed', 'rolling-back', 'key-created'] as const) {
      test(`a ${state} row that nobody works on is taken, and is owed`, async () => {
        const claim = await begunIn(journal, state, { secret: 'sealed' })
        await bench().elapse(LEASE_MS + 1_000)
        const taken = await other.takeOne(claim.id)
        assert.ok(typeof taken === 'object')
        assert.deepEqual([taken.fence, taken.state, taken.secret], [claim.fence + 1, 'rollback-owed', 'sealed'])
        isAge(taken.lapsedMs, state === 'abandoned' ? LEASE_MS + 1_000 : 1_000)
        await written(other, taken, { state: 'rolled-back' })
      })
    }
    test('a row that waits for its next try is taken before its time', async () => {
      const claim = await begunIn(journal, 'rolling-back')
      await written(journal, claim, { state: 'rollback-owed', settling: SETTLING, releaseForMs: 600_000 })
      assert.equal(typeof await other.takeOne(claim.id), 'object')
    })
    for (const state of ['began', 'rolling-back', 'rollback-owed'] as const) {
      test(`a ${state} row that somebody works on is not taken, and not written off`, async () => {
        const claim = await begunIn(journal, state)
        assert.equal(await other.takeOne(claim.id), 'held')
        assert.equal(await other.writeOff(claim.id, 'gone'), false)
        assert.deepEqual(await journal.readAnew(claim.id), claim)
      })
    }
    for (const state of NOTHING_OWED) {
      test(`a ${state} row owes nothing`, async () => {
        const claim = await begunIn(journal, state)
        assert.equal(await other.takeOne(claim.id), 'nothing-owed')
        assert.equal(await other.writeOff(claim.id, 'gone'), false)
        assert.deepEqual(await journal.readAnew(claim.id), claim)
      })
    }
    test('a row that is not there is not taken', async () => {
      assert.deepEqual([await other.takeOne('none'), await other.writeOff('none', 'gone')], [undefined, false])
    })
    test('an abandoned row is not taken while another transaction has its label', async () => {
      const { id } = await begunIn(journal, 'abandoned', { label: 'seal' })
      await begun(journal, row({ label: 'seal' }))
      assert.equal(await other.takeOne(id), 'label-held')
      assert.equal((await journal.findAny(id))?.state, 'abandoned')
    })
    test('an abandoned row is taken though its caller used the Idempotency-Key again', async () => {
      const { id } = await begunIn(journal, 'abandoned', withKey('k'))
      const holder = await begun(journal, row(withKey('k')))
      assert.equal(typeof await other.takeOne(id), 'object')
      assert.equal((await journal.findByIdempotencyKey('anna', 'k'))?.id, holder.id)
    })
    for (const state of ['abandoned', 'rollback-owed'] as const) {
      test(`writing a ${state} row off wipes its secret and counts it no more, once`, async () => {
        const claim = await begunIn(journal, state, { secret: 'sealed', label: 'seal' })
        await bench().elapse(LEASE_MS)
        assert.equal(await other.writeOff(claim.id, 'the partition was erased'), true)
        assert.equal(await other.writeOff(claim.id, 'again'), false)
        const seen = await journal.findAny(claim.id)
        assert.deepEqual([seen?.state, seen?.reason, await secretOf(claim.id)], ['abandoned', 'the partition was erased', null])
        assert.ok(seen?.writtenOffAt && seen.endedAt)
        assert.equal(await journal.write({ ...claim, state: 'rollback-owed' }, { state: 'rolled-back' }), undefined)
        assert.deepEqual([await journal.count(), await journal.listAll({ open: true, limit: 5 })], [{ owed: 0, abandoned: 0 }, []])
        await begun(journal, row({ label: 'seal' }))
      })
    }
    test('a row of a TSB that is gone for good is written off', async () => {
      const claim = await begunIn(await bench().open({ tsb: 'https://gone.example' }), 'rollback-owed')
      await bench().elapse(LEASE_MS)
      assert.equal(await journal.writeOff(claim.id, 'the TSB is gone'), true)
      assert.deepEqual(await journal.count(), { owed: 0, abandoned: 0 })
    })
  })
}
