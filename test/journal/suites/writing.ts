import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { Change, Claim, Journal, TransactionState } from '../../../src/journal/journal.ts'
import { STATES } from '../../../src/journal/journal.ts'
import { type Bench, begun, begunIn, BUNDLE, row, SETTLING, written } from '../bench.ts'

const ENDED: readonly TransactionState[] = ['committed', 'rolled-back', 'abandoned']

/** The compare-and-set, what it wipes, and what it refuses. */
export function writing(bench: () => Bench): void {
  let journal: Journal
  beforeEach(async () => { journal = await bench().open() })
  const columns = async (id: string): Promise<Record<string, unknown>> =>
    (await bench().ask('select * from bundle_transaction where id = $1', id))[0] ?? {}

  describe('a write', () => {
    test('keeps what it does not name', async () => {
      const claim = await begun(journal, row({ secret: 'sealed' }))
      const steps = [{ name: 'create-key', durationMs: 5 }]
      const next = await written(journal, claim, { state: 'key-created', publicKey: Uint8Array.of(1, 2), createLeaves: true, steps })
      await written(journal, next, { state: 'csr-generated' })
      const { public_key, secret, sent_at } = await columns(claim.id)
      assert.deepEqual([Buffer.from(public_key as Uint8Array), secret, sent_at === null], [Buffer.of(1, 2), 'sealed', false])
      assert.deepEqual((await journal.findAny(claim.id))?.steps, steps)
    })
    test('names the claim for the next one', async () => {
      const claim = await begun(journal, row())
      assert.deepEqual(await journal.write(claim, { state: 'key-created' }), { ...claim, state: 'key-created' })
      assert.deepEqual(await journal.readAnew(claim.id), { ...claim, state: 'key-created' })
    })
    const stale: Readonly<Record<string, (claim: Claim) => Claim>> = {
      'an earlier state': (claim) => ({ ...claim, state: 'began' }),
      'an earlier fence': (claim) => ({ ...claim, fence: claim.fence - 1 }),
      'an id that is not there': (claim) => ({ ...claim, id: 'none' }),
    }
    for (const [name, make] of Object.entries(stale)) {
      test(`with ${name} changes nothing`, async () => {
        const claim = await begunIn(journal, 'key-created')
        const before = await columns(claim.id)
        const old = make(claim)
        assert.equal(await journal.write(old, { state: old.state === 'began' ? 'key-created' : 'csr-generated' }), undefined)
        assert.deepEqual(await columns(claim.id), before)
      })
    }
    test('of another process changes nothing, though it has the same numbers', async () => {
      // As after a fail-over that lost the last writes: the fence counts the same number a second time.
      const claim = await begun(journal, row())
      assert.equal(await (await bench().open()).write(claim, { state: 'key-created' }), undefined)
      assert.deepEqual(await journal.readAnew(claim.id), claim)
    })
    test('twice at once counts once', async () => {
      const claim = await begun(journal, row())
      const both = await Promise.all([journal.write(claim, { state: 'key-created' }), journal.write(claim, { state: 'rolling-back' })])
      assert.equal(both.filter((after) => after !== undefined).length, 1)
      assert.equal((await journal.readAnew(claim.id))?.state, both.find((after) => after !== undefined)?.state)
    })
    test('takes a reason with U+0000 in it, which a TSB may send', async () => {
      const claim = await begunIn(journal, 'rolling-back')
      await written(journal, claim, { state: 'rollback-owed', settling: { ...SETTLING, reason: 'no\0thing' } })
      assert.equal((await journal.findAny(claim.id))?.reason, 'no\uFFFDthing')
    })
  })

  describe('a state that ends', () => {
    for (const state of ENDED) {
      test(`${state}: leaves no owner and no lease, and says when`, async () => {
        const { id } = await begunIn(journal, state)
        const { owner, lease_until, ended_at } = await columns(id)
        assert.deepEqual([owner, lease_until, ended_at === null], [null, null, false])
        assert.ok((await journal.findAny(id))?.endedAt instanceof Date)
      })
      const effect = state === 'abandoned' ? 'keeps the secret, for an operator may settle it by hand' : 'wipes the secret'
      test(`${state}: ${effect}`, async () => {
        const { id } = await begunIn(journal, state, { secret: 'sealed' })
        assert.equal((await columns(id))['secret'], state === 'abandoned' ? 'sealed' : null)
      })
    }
    test('committed: has the bundle and the report in the same write', async () => {
      const claim = await begunIn(journal, 'attested')
      const report = { verdict: 'pass' } as unknown as NonNullable<Change['report']>
      await written(journal, claim, { state: 'committed', bundle: BUNDLE, report })
      const found = await journal.findAny(claim.id)
      assert.deepEqual([found?.state, found?.bundle, found?.report], ['committed', BUNDLE, report])
    })
    test('abandoned: says why', async () => {
      const { id } = await begunIn(journal, 'abandoned')
      assert.equal((await journal.findAny(id))?.reason, SETTLING.reason)
    })
  })

  describe('a programming error', () => {
    const refused: readonly (readonly [TransactionState, Change])[] = [
      ['began', { state: 'csr-generated' }], ['key-created', { state: 'began' }], ['began', { state: 'committed', bundle: BUNDLE }],
      ['attested', { state: 'committed' }], ['began', { bundle: BUNDLE }], ['rolling-back', { state: 'attested' }],
      ['rollback-owed', { state: 'rolling-back' }], ['rolling-back', { state: 'rolled-back', releaseForMs: 5 }],
      ...ENDED.flatMap((state) => STATES.map((next) => [state, { state: next }] as const)),
    ]
    for (const [state, change] of refused) {
      test(`throws and writes nothing: ${state}, then ${JSON.stringify(Object.keys(change))} ${change.state ?? ''}`, async () => {
        const claim = await begunIn(journal, state)
        const before = await columns(claim.id)
        await assert.rejects(journal.write(claim, change), (error: Error) => error.name === 'Error')
        assert.deepEqual(await columns(claim.id), before)
      })
    }
  })

  describe('a release', () => {
    test('gives the row away, and the claim with it', async () => {
      const claim = await begunIn(journal, 'rolling-back')
      const released = await written(journal, claim, { state: 'rollback-owed', settling: SETTLING, releaseForMs: 60_000 })
      assert.equal(await journal.write(released, { state: 'rolled-back' }), undefined)
      await journal.beat([claim.id])
      await bench().elapse(50_000)
      const other = await bench().open()
      assert.deepEqual(await other.takeOver(5, []), [])
      await bench().elapse(10_000)
      const [inherited] = await other.takeOver(5, [])
      assert.deepEqual([inherited?.id, inherited?.state, inherited?.settling], [claim.id, 'rollback-owed', SETTLING])
    })
  })
}
