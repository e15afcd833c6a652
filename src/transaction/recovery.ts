import type { Inherited, Journal } from '../journal/journal.ts'
import type { Tsb } from '../tsb/tsb.ts'
import { UNDO_BUDGET_MS } from './backoff.ts'
import type { DebtEvent, DebtSettings } from './key-debt.ts'
import { settle } from './settle.ts'
import { claimStillOurs } from './still-ours.ts'

/** Rows that are settled at the same time: the HSM has other work to do. */
const AT_ONCE = 8
const EXPIRY_EVERY_MS = 3_600_000

export interface RecoverySettings extends DebtSettings {
  readonly leaseMs: number
}

export interface Recovery {
  /** Resolves after the first look: what could be taken over is. */
  readonly started: Promise<void>
  /** Keeps a row's lease alive, and away from recovery, until `release`. */
  hold(id: string): void
  release(id: string): void
  /** Looks for due rows again after this time: this process has just given one away. */
  wakeIn(ms: number): void
  /** Undefined once every inherited row was taken over and while the journal can be written; else what is missing. */
  notReady(): string | undefined
  /** How many rows the journal owed at the last beat. */
  owed(): number
  /** Ends; tries that run are cut short, and their rows stay owed. */
  stop(): Promise<void>
}

/**
 * Settles what crashed, paused and failing processes left, at start and all the time: rows whose lease ran out are taken over by whichever
 * replica comes first, and rolled back.
 * @param parts.beaten runs at each beat, after the journal proved to be writable
 * @param parts.report is told of every change
 * @param parts.span runs one try at a row, and may watch it
 * @param parts.failed is told when the journal failed
 */
export function startRecovery(parts: {
  readonly tsb: Tsb
  readonly journal: Journal
  readonly settings: RecoverySettings
  readonly now: () => number
  openPassword(id: string, secret: string): readonly string[] | undefined
  beaten(): Promise<void>
  report(event: DebtEvent): void
  span(transactionId: string, run: () => Promise<void>): Promise<void>
  failed(what: string, error: unknown): void
}): Recovery {
  const { journal, settings } = parts
  const held = new Set<string>()
  const settling = new Map<string, Promise<void>>()
  const timers = new Set<NodeJS.Timeout>()
  const stopping = new AbortController()
  let writable = false
  let caughtUp = false
  let owed = 0
  let looking: Promise<void> | undefined
  let lookAgain = false
  let beating: Promise<void>
  let expiredAt = -Infinity
  let expiring: Promise<void> | undefined

  const settleRow = async (row: Inherited): Promise<void> => {
    const { id: transactionId, label } = row
    if (row.settling === undefined) parts.report({ kind: 'taken-over', transactionId, label })
    const signal = AbortSignal.any([AbortSignal.timeout(UNDO_BUDGET_MS), stopping.signal])
    const rowIsOurs = claimStillOurs(journal, row, settings.leaseMs)
    const { state, change, reason = '' } = await settle(row, { ...parts, rowIsOurs }, signal)
    // Fenced off while it tried: whoever has the row now knows better.
    if (await journal.write(row, stopping.signal.aborted && state === 'rollback-owed' ? { ...change, releaseForMs: 0 } : change) === undefined) return
    if (state === 'rolled-back') parts.report({ kind: 'settled', transactionId, label })
    if (state === 'abandoned') parts.report({ kind: 'abandoned', transactionId, label, reason })
    if (change.freesIdempotencyKey) parts.report({ kind: 'unseen', transactionId, label })
    if (state === 'rollback-owed' && row.settling === undefined) parts.report({ kind: 'owed', transactionId, label, reason })
    if (change.releaseForMs !== undefined) wakeIn(change.releaseForMs)
  }

  const take = async (): Promise<void> => {
    while (!stopping.signal.aborted && settling.size < AT_ONCE) {
      const rows = await journal.takeOver(AT_ONCE - settling.size, [...held, ...settling.keys()])
      if (rows.length === 0) break
      for (const row of rows) {
        const work = parts.span(row.id, () => settleRow(row))
          .catch((error: unknown) => parts.failed(`the recovery of ${row.id} is tried again`, error))
          .finally(() => { settling.delete(row.id); look() })
        settling.set(row.id, work)
      }
    }
    caughtUp ||= await journal.countInherited() === 0
  }

  /** One look at a time; a look that was asked for meanwhile follows. */
  const look = (): void => {
    if (stopping.signal.aborted) return
    if (looking !== undefined) { lookAgain = true; return }
    looking = take().catch((error: unknown) => parts.failed('the journal cannot be read', error)).finally(() => {
      looking = undefined
      if (lookAgain) { lookAgain = false; look() }
    })
  }

  const after = (ms: number, run: () => void): void => {
    if (stopping.signal.aborted) return
    const timer = setTimeout(() => { timers.delete(timer); run() }, Math.min(ms, 2_147_483_647))
    // The listening server keeps the process alive; this alone must not keep a stopped one.
    timer.unref()
    timers.add(timer)
  }
  const wakeIn = (ms: number): void => after(ms, look)

  /** Beside the beats: after a long pause, or with a shorter retention, it may take longer than a lease. */
  const expire = async (): Promise<void> => {
    expiredAt = parts.now()
    try {
      await journal.expireBundles()
    } catch (error) {
      parts.failed('bundles past their retention time are not forgotten yet', error)
    } finally {
      expiring = undefined
    }
  }

  const beat = async (): Promise<void> => {
    try {
      await journal.beat([...held, ...settling.keys()])
      writable = true
      await parts.beaten()
      owed = (await journal.count()).owed
      if (parts.now() - expiredAt >= EXPIRY_EVERY_MS) expiring ??= expire()
      look()
    } catch (error) {
      if (writable) parts.failed('the journal cannot be written', error)
      writable = false
    }
    // Three beats a lease: one may fail without losing anything.
    after(settings.leaseMs / 3, () => { beating = beat() })
  }
  beating = beat()

  return {
    started: beating.then(() => looking),
    hold: (id) => { held.add(id) },
    release: (id) => { held.delete(id) },
    wakeIn,
    notReady: () => !writable ? 'the journal cannot be written' : caughtUp ? undefined : 'transactions of an earlier process are not taken over yet',
    owed: () => owed,
    async stop() {
      stopping.abort()
      for (const timer of timers) clearTimeout(timer)
      await beating
      await looking
      await expiring
      await Promise.all(settling.values())
    },
  }
}
