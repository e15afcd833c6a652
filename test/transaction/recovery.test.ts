import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import type { Claim, Journal } from '../../src/journal/journal.ts'
import { openJournal } from '../../src/journal/open-journal.ts'
import { startRecovery, type Recovery } from '../../src/transaction/recovery.ts'
import type { Tsb } from '../../src/tsb/tsb.ts'
import { journalFor } from '../support/journal-url.ts'

/** Beats come every third of it. */
const LEASE_MS = 60

interface Stage {
  readonly journal: Journal
  /** The same journal as another process has it. */
  readonly other: Journal
  begin(label: string, by?: Journal): Promise<Claim>
  start(tsb: Partial<Tsb>, own?: Partial<Journal>): Recovery
  /** Resolves with the next heartbeat, which must come soon. */
  beaten(): Promise<void>
  /** Lets time pass by the journal's clock, which stands still otherwise. */
  elapse(ms: number): void
}

async function stage(t: TestContext): Promise<Stage> {
  let time = Date.now()
  const url = journalFor(t)
  const open = (): Promise<Journal> => openJournal({ url, tsb: 'here', leaseMs: LEASE_MS, retentionMs: 1, now: () => time, exclusive: false })
  const [journal, other] = [await open(), await open()]
  const beats = new EventEmitter()
  let recovery: Recovery | undefined
  t.after(async () => {
    await recovery?.stop()
    await journal.close()
    await other.close()
  })
  return {
    journal, other,
    elapse: (ms) => { time += ms },
    async begin(label, by = journal) {
      const row = { id: randomUUID(), caller: 'somebody', label, labelIsOurs: true, createdAt: new Date(time), createBody: {} }
      const begun = await by.begin(row)
      assert.ok(begun.state === 'begun')
      return begun.claim
    },
    start(tsb, own = {}) {
      const watched: Journal = {
        ...journal, ...own,
        async beat(held) {
          await journal.beat(held)
          beats.emit('beat')
        },
      }
      return recovery = startRecovery({
        tsb: tsb as Tsb, journal: watched, settings: { leaseMs: LEASE_MS, settleAfterMs: 1, giveUpAfterMs: 86_400_000 }, now: () => time,
        openPassword: () => undefined, beaten: async () => undefined, report: () => undefined, failed: () => undefined,
        span: (_id, run) => run(),
      })
    },
    async beaten() {
      // The recovery's own timers keep no process alive.
      const alive = setTimeout(() => undefined, 5_000)
      await once(beats, 'beat', { signal: AbortSignal.timeout(4_000) }).finally(() => { clearTimeout(alive) })
    },
  }
}

test('what this process holds, and what it settles, stays its own for longer than a lease', async (t) => {
  const { journal, other, begin, start, beaten, elapse } = await stage(t)
  const owed = await begin('owed')
  await journal.write(owed, { createLeaves: true })
  elapse(LEASE_MS)
  const asked = Promise.withResolvers<void>()
  const recovery = start({
    keyAttributes: (_key, signal) => new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => { reject(new Error('ended')) })
      asked.resolve()
    }),
  })
  await recovery.started
  await asked.promise
  const held = await begin('held')
  recovery.hold(held.id)
  for (let halves = 0; halves < 6; halves += 1) {
    await beaten()
    elapse(LEASE_MS / 2)
    assert.deepEqual(await other.takeOver(5, []), [])
  }
})

test('what this process holds is not taken over by itself, even where it was too late to renew the lease', async (t) => {
  const { journal, begin, start, elapse } = await stage(t)
  const looked = Promise.withResolvers<void>()
  let late = false
  const recovery = start({}, {
    async takeOver(limit, except) {
      const rows = await journal.takeOver(limit, except)
      if (late) looked.resolve()
      return rows
    },
  })
  await recovery.started
  const held = await begin('held')
  recovery.hold(held.id)
  elapse(2 * LEASE_MS)
  late = true
  recovery.wakeIn(0)
  const alive = setTimeout(() => undefined, 5_000)
  await looked.promise.finally(() => { clearTimeout(alive) })
  assert.deepEqual(await journal.readAnew(held.id), held)
})

test('it is not ready before what an earlier process left is taken over', async (t) => {
  const { other, begin, start, beaten, elapse } = await stage(t)
  await begin('left', other)
  const recovery = start({})
  await recovery.started
  assert.equal(recovery.notReady(), 'transactions of an earlier process are not taken over yet')
  elapse(LEASE_MS)
  while (recovery.notReady() !== undefined) await beaten()
  assert.equal((await other.listAll({ open: true, limit: 5 })).length, 0)
})

test('leases are renewed while many bundles are forgotten, however long that takes', async (t) => {
  const { start, beaten } = await stage(t)
  const forgetting = Promise.withResolvers<number>()
  let forgets = 0
  start({}, {
    expireBundles() {
      forgets += 1
      return forgetting.promise
    },
  })
  try {
    for (let beats = 0; beats < 3; beats += 1) await beaten()
    assert.equal(forgets, 1)
  } finally {
    forgetting.resolve(0)
  }
})
