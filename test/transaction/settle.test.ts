import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, beforeEach, describe, test, type TestContext } from 'node:test'
import { readSettings } from '../../src/config.ts'
import type { Inherited, Journal, Settling } from '../../src/journal/journal.ts'
import { openJournal } from '../../src/journal/open-journal.ts'
import { startSimulator, type Simulator } from '../../src/simulator/simulator.ts'
import { pauseAfter } from '../../src/transaction/backoff.ts'
import { settle, type Settlement } from '../../src/transaction/settle.ts'
import { settleByHand } from '../../src/transaction/settle-by-hand.ts'
import { claimStillOurs } from '../../src/transaction/still-ours.ts'
import type { CreateKeyBody } from '../../src/tsb/create-key.ts'
import { openTsb, type Tsb } from '../../src/tsb/tsb.ts'
import { journalFor } from '../support/journal-url.ts'
import { sharedPki } from '../support/service.ts'

const LEASE_MS = 1_000
const GIVE_UP_MS = 100_000
const SETTLE_MS = 5_000

let simulator: Simulator
let tsb: Tsb
let time: number
let label: string
let count = 0
before(async () => {
  simulator = await startSimulator({ pki: await sharedPki() })
  tsb = openTsb(readSettings({ AUTH_MODE: 'none', TSB_URL: simulator.url }).tsb, 2)
})
after(async () => {
  await tsb.close()
  await simulator.close()
})
beforeEach(() => {
  time = Date.now()
  label = `settle-${count += 1}`
  simulator.faults.clear()
  simulator.requests.length = 0
})

interface Left {
  /** How far its transaction came: nothing sent; create-key sent, with or without a key made; its answer written down. */
  readonly until: 'began' | 'sent' | 'unheard' | 'key-created'
  readonly labelIsOurs?: boolean
  readonly password?: string
  /** The row's secret; without one the password was not kept. */
  readonly secret?: string
  /** How long nobody has had it. */
  readonly lapsedMs?: number
}

/** Runs the first writes of a transaction, lets its lease run out, and takes it over as a recovery does. */
async function inherit(t: TestContext, { until, labelIsOurs = false, password, secret, lapsedMs = 0 }: Left): Promise<Inherited> {
  const journal = await openJournal({ url: journalFor(t), tsb: 'here', leaseMs: LEASE_MS, retentionMs: 1, now: () => time })
  const body: CreateKeyBody = {
    label, algorithm: 'EC', curveOid: '1.2.840.10045.3.1.7',
    attributes: {
      sign: true, extractable: false, sensitive: true, copyable: false, modifiable: false, destroyable: true,
      decrypt: false, unwrap: false, derive: false,
    },
  }
  const createBody = { ...body, ...(password !== undefined && { password: true }) }
  const begun = await journal.begin({
    id: randomUUID(), caller: 'somebody', label, labelIsOurs, createdAt: new Date(time), createBody,
    ...(secret !== undefined && { secret }),
  })
  assert.equal(begun.state, 'begun')
  if (until !== 'began') {
    const claim = await journal.write(begun.claim, { createLeaves: true })
    const sent = { ...body, ...(password !== undefined && { password: [...password] }) }
    const key = until === 'sent' ? undefined : await tsb.createKey(sent, () => undefined, AbortSignal.timeout(5_000))
    if (until === 'key-created') await journal.write(claim!, { state: 'key-created', publicKey: key!.publicKey })
  }
  time += LEASE_MS + lapsedMs
  const [row] = await journal.takeOver(1, [])
  await journal.close()
  simulator.requests.length = 0
  return row!
}

const tryOnce = (row: Inherited, password?: string): Promise<Settlement> => settle(row, {
  tsb, settings: { settleAfterMs: SETTLE_MS, giveUpAfterMs: GIVE_UP_MS }, now: () => time,
  rowIsOurs: async () => () => undefined,
  openPassword: () => (password === undefined ? undefined : [...password]),
}, AbortSignal.timeout(5_000))
const has = (): boolean => simulator.labels().includes(label)
const settlingOf = ({ change }: Settlement): Settling => change.settling!

describe('a row that was taken over', () => {
  test('is rolled back without a word to the TSB where create-key never left', async (t) => {
    const settled = await tryOnce(await inherit(t, { until: 'began' }))
    assert.equal(settled.state, 'rolled-back')
    assert.equal(simulator.requests.length, 0)
  })

  test('has its key deleted while its lease ran out no longer ago than GIVE_UP_AFTER_MS, and left alone after', async (t) => {
    const old = await tryOnce(await inherit(t, { until: 'key-created', lapsedMs: GIVE_UP_MS + 1 }))
    assert.deepEqual([old.state, simulator.requests.length, has()], ['abandoned', 0, true])
    assert.match(old.reason ?? '', /GIVE_UP_AFTER_MS/)
    label += '-younger'
    const young = await tryOnce(await inherit(t, { until: 'key-created', lapsedMs: GIVE_UP_MS }))
    assert.deepEqual([young.state, has()], ['rolled-back', false])
  })

  for (const labelIsOurs of [false, true]) {
    for (const [until, uses, state] of [
      ['unheard', 0, 'rolled-back'], ['unheard', 1, 'abandoned'], ['unheard', 2, 'abandoned'],
      ['key-created', 0, 'rolled-back'], ['key-created', 2, 'rolled-back'], ['key-created', 3, 'abandoned'],
    ] as const) {
      const whose = labelIsOurs ? 'its own' : 'the caller'
      test(`is ${state} where its key, ${until}, was used ${uses} times, under a label of ${whose}`, async (t) => {
        const row = await inherit(t, { until, labelIsOurs })
        simulator.key(label).useCount = uses
        const settled = await tryOnce(row)
        assert.deepEqual([settled.state, has()], [state, state === 'abandoned'])
        if (state === 'abandoned') assert.match(settled.reason ?? '', /used/)
      })
    }
  }

  test('stays owed where create-key left and no key is seen, until that can have no effect any more', async (t) => {
    const row = await inherit(t, { until: 'sent' })
    const first = await tryOnce(row)
    assert.deepEqual([first.state, first.change.releaseForMs], ['rollback-owed', SETTLE_MS - LEASE_MS])
    assert.equal(first.change.freesIdempotencyKey, undefined)
    time += SETTLE_MS - LEASE_MS
    assert.equal((await tryOnce({ ...row, sentAgoMs: SETTLE_MS, settling: settlingOf(first) })).state, 'rolled-back')
    assert.equal(simulator.requests.filter(({ call }) => call === 'delete-key').length, 0)
  })

  test('is looked for once more after ten minutes and after an hour under a label of its own', async (t) => {
    const row = await inherit(t, { until: 'sent', labelIsOurs: true })
    for (const [ago, next, freed] of [[SETTLE_MS - 1, SETTLE_MS, undefined], [SETTLE_MS, 600_000, true], [600_000, 3_600_000, true]] as const) {
      const { releaseForMs, freesIdempotencyKey } = (await tryOnce({ ...row, sentAgoMs: ago })).change
      assert.deepEqual([releaseForMs, freesIdempotencyKey], [next - ago, freed])
    }
    assert.equal((await tryOnce({ ...row, sentAgoMs: 3_600_000 })).state, 'rolled-back')
  })

  test('believes only the second time that a key which create-key answered does not exist', async (t) => {
    const row = await inherit(t, { until: 'key-created' })
    await tsb.deleteKey({ label }, async () => () => undefined, AbortSignal.timeout(5_000))
    const first = await tryOnce(row)
    assert.deepEqual([first.state, settlingOf(first).absentBefore, first.change.releaseForMs], ['rollback-owed', true, SETTLE_MS])
    assert.equal((await tryOnce({ ...row, settling: settlingOf(first) })).state, 'rolled-back')
  })
})

describe('a row whose former owner may have sent a delete', () => {
  const earlier: Settling = { tries: 3, refusedMs: 0, refused: false, absentBefore: false, reason: '' }
  for (const [from, left] of [
    ['a rollback that had begun', { state: 'rollback-owed' }],
    ['a later try that had sent one', { state: 'rollback-owed', settling: { ...earlier, deleteUnderWay: true } }],
  ] as const) {
    test(`${from}: stays owed for SETTLE_AFTER_MS once the key is gone, and is settled then`, async (t) => {
      const row = { ...await inherit(t, { until: 'key-created' }), ...left }
      const first = await tryOnce(row)
      assert.deepEqual([first.state, first.change.releaseForMs, has()], ['rollback-owed', SETTLE_MS, false])
      assert.equal((await tryOnce({ ...row, settling: settlingOf(first) })).state, 'rolled-back')
    })
  }
  test('that had not: is settled at once, as under a label of its own', async (t) => {
    const row = { ...await inherit(t, { until: 'key-created' }), state: 'rollback-owed', settling: earlier } as const
    assert.equal((await tryOnce(row)).state, 'rolled-back')
    label += '-own'
    const own = { ...await inherit(t, { until: 'key-created', labelIsOurs: true }), state: 'rollback-owed' } as const
    assert.equal((await tryOnce(own)).state, 'rolled-back')
  })
  test('is one whose delete lost its answer, though create-key can have no effect any more', async (t) => {
    const row = await inherit(t, { until: 'unheard' })
    simulator.faults.set('delete-key', { kind: 'reset-after' })
    const first = await tryOnce({ ...row, sentAgoMs: SETTLE_MS - 1 })
    assert.deepEqual([first.state, first.change.releaseForMs, has()], ['rollback-owed', 1, false])
    const second = await tryOnce({ ...row, sentAgoMs: SETTLE_MS, settling: settlingOf(first) })
    assert.deepEqual([second.state, second.change.releaseForMs], ['rollback-owed', SETTLE_MS])
    assert.equal((await tryOnce({ ...row, sentAgoMs: 2 * SETTLE_MS, settling: settlingOf(second) })).state, 'rolled-back')
  })
  test('is known as such to whoever takes it over from one that was about to send one', async (t) => {
    const journal = await openJournal({ url: journalFor(t), tsb: 'here', leaseMs: LEASE_MS, retentionMs: 1, now: () => time })
    const id = randomUUID()
    const begun = await journal.begin({ id, caller: 'somebody', label, labelIsOurs: false, createdAt: new Date(time), createBody: {} })
    assert.ok(begun.state === 'begun')
    await journal.write(begun.claim, { state: 'rollback-owed', settling: earlier, releaseForMs: 1 })
    time += 1
    const [first] = await journal.takeOver(1, [])
    await claimStillOurs(journal, first!, LEASE_MS)()
    time += LEASE_MS
    const [second] = await journal.takeOver(1, [])
    await assert.rejects(claimStillOurs(journal, first!, LEASE_MS)(), { name: 'RowLost' })
    assert.deepEqual([first?.settling, second?.settling], [earlier, { ...earlier, deleteUnderWay: true }])
    const leaves = await claimStillOurs(journal, second!, LEASE_MS)()
    leaves()
    const late = performance.now() + LEASE_MS
    t.mock.method(performance, 'now', () => late)
    assert.throws(leaves, { code: 'journal-unavailable' })
    await journal.close()
  })
})

test('only time between two refusals counts towards giving up, not that in which the TSB was away', async (t) => {
  const row = await inherit(t, { until: 'key-created' })
  const refused = { kind: 'status', status: 400, body: { errorCode: 614 } } as const
  let last: Settlement | undefined
  let counted = 0
  const away = { kind: 'not-found-bare' } as const
  const technical = { kind: 'status', status: 500, body: { errorCode: 103 } } as const
  for (const [fault, adds] of [
    [refused, false], [refused, true], [away, false], [refused, false], [technical, false], [refused, false], [refused, true],
  ] as const) {
    simulator.faults.set('delete-key', { ...fault, times: Infinity })
    const before: Settling | undefined = last?.change.settling
    last = await tryOnce({ ...row, ...(before && { settling: before }) })
    if (adds) counted += pauseAfter(before!.tries)
    const tries = (before?.tries ?? 0) + 1
    assert.deepEqual([last.state, settlingOf(last).refusedMs, settlingOf(last).tries], ['rollback-owed', counted, tries])
    assert.equal(last.change.releaseForMs, pauseAfter(tries))
  }
  const almost = { ...settlingOf(last!), refusedMs: GIVE_UP_MS - 1 }
  const given = await tryOnce({ ...row, settling: almost })
  assert.deepEqual([given.state, has()], ['abandoned', true])
})

describe('an operator who has a row settled', () => {
  const parts = { settings: { settleAfterMs: SETTLE_MS, giveUpAfterMs: GIVE_UP_MS, leaseMs: LEASE_MS }, now: () => time, openPassword: () => undefined }
  async function abandonedRow(t: TestContext): Promise<{ journal: Journal; id: string }> {
    const journal = await openJournal({ url: journalFor(t), tsb: 'here', leaseMs: LEASE_MS, retentionMs: 1, now: () => time })
    t.after(() => journal.close())
    const id = randomUUID()
    const createBody = { label, algorithm: 'EC', attributes: {} }
    const begun = await journal.begin({ id, caller: 'somebody', label, labelIsOurs: false, createdAt: new Date(time), createBody })
    assert.ok(begun.state === 'begun')
    const settling = { tries: 0, refusedMs: 0, refused: false, absentBefore: true, reason: '' }
    await journal.write((await journal.write(begun.claim, { createLeaves: true }))!, { state: 'abandoned', settling })
    time += GIVE_UP_MS + SETTLE_MS + 1
    return { journal, id }
  }
  test('is not told that it is too old', async (t) => {
    const { journal, id } = await abandonedRow(t)
    assert.deepEqual(await settleByHand(journal, id, { ...parts, tsb }), { outcome: 'rolled-back' })
    assert.equal((await journal.findAny(id))?.state, 'rolled-back')
  })
  test('is told where somebody else took it meanwhile, whose word counts', async (t) => {
    const { journal, id } = await abandonedRow(t)
    const slow: Tsb = {
      ...tsb,
      async keyAttributes() {
        time += LEASE_MS
        assert.equal((await journal.takeOver(1, [])).length, 1)
        return undefined
      },
    }
    const reason = 'another process took it over meanwhile'
    assert.deepEqual(await settleByHand(journal, id, { ...parts, tsb: slow }), { outcome: 'not-tried', reason })
    assert.equal((await journal.findAny(id))?.state, 'rollback-owed')
  })
})

describe('the password of a row that was taken over', () => {
  test('that no key opens leaves it owed: nothing is asked, and nothing counts towards giving up', async (t) => {
    const row = await inherit(t, { until: 'key-created', password: 'pw', secret: 'v1.unknown.AAAA' })
    const settling = { tries: 9, refusedMs: GIVE_UP_MS - 1, refused: true, absentBefore: false, reason: '' }
    const settled = await tryOnce({ ...row, settling })
    assert.deepEqual([settled.state, settlingOf(settled).refusedMs, simulator.requests.length], ['rollback-owed', GIVE_UP_MS - 1, 0])
    assert.match(settled.reason ?? '', /JOURNAL_ENCRYPTION_KEY/)
    assert.deepEqual([(await tryOnce(row, 'pw')).state, has()], ['rolled-back', false])
  })

  for (const labelIsOurs of [false, true]) {
    test(`that was not kept leaves the key alone and says so, under a label of ${labelIsOurs ? 'its own' : 'the caller'}`, async (t) => {
      const settled = await tryOnce(await inherit(t, { until: 'key-created', labelIsOurs, password: 'pw' }))
      assert.deepEqual([settled.state, has()], ['abandoned', true])
      assert.match(settled.reason ?? '', /was not allowed to keep/)
    })
  }
})
