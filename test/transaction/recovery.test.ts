import { test } from 'node:test'
import type { Journal } from '../../src/journal/journal.ts'
import { openJournal } from '../../src/journal/open-journal.ts'
import { startRecovery } from '../../src/transaction/recovery.ts'
import type { Tsb } from '../../src/tsb/tsb.ts'
import { journalFor } from '../support/journal-url.ts'

test('leases are renewed while many bundles are forgotten, however long that takes', async (t) => {
  const leaseMs = 60
  const journal = await openJournal({ url: journalFor(t), tsb: 'here', leaseMs, retentionMs: 1 })
  const forgetting = Promise.withResolvers<number>()
  const enough = Promise.withResolvers<void>()
  let beats = 0
  const watched: Journal = {
    ...journal,
    expireBundles: () => forgetting.promise,
    async beat(held) {
      if (++beats === 3) enough.resolve()
      await journal.beat(held)
    },
  }
  const recovery = startRecovery({
    tsb: {} as Tsb, journal: watched, settings: { leaseMs, settleAfterMs: 1, giveUpAfterMs: 1 }, now: Date.now, openPassword: () => undefined,
    beaten: async () => undefined, report: () => undefined, failed: () => undefined,
  })
  // Its timers alone keep no process alive.
  const alive = setTimeout(() => enough.reject(new Error('no beat came')), 5_000)
  await enough.promise.finally(() => {
    clearTimeout(alive)
    forgetting.resolve(0)
  })
  await recovery.stop()
  await journal.close()
})
