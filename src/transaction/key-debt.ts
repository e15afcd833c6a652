import { setTimeout as delay } from 'node:timers/promises'
import { ProblemError, type Rollback } from '../errors.ts'
import type { Change, Reopened } from '../journal/journal.ts'
import type { CreateKeyBody } from '../tsb/create-key.ts'
import type { KeyAttributes } from '../tsb/key-attributes.ts'
import type { KeyReference } from '../tsb/key-reference.ts'
import type { Tsb } from '../tsb/tsb.ts'
import { pauseAfter, QUICK_PAUSES, UNDO_BUDGET_MS } from './backoff.ts'
import { RowLost, type Entry } from './entry.ts'
import { DELETE_UNDER_WAY, isOlderThan, removeKey, type OwedKey, type Removal } from './remove-key.ts'
import { assertFresh } from './still-ours.ts'

/** The undo of create-key: knows what is known of the key, writes it down, and removes the key. */
export interface KeyDebt {
  readonly labelIsOurs: boolean
  /**
   * Await before the create request leaves: proves that the row is still this transaction's, and notes the time. What it resolves to is
   * called when a connection stands: a process that stood still since may have lost the row.
   * @throws ProblemError with `effect: 'none'`, as that does: then nothing may be sent
   */
  createLeaves(): Promise<() => void>
  /** Whether a key is older than our create request, by the HSM's own clock. */
  isOlder(key: KeyAttributes): boolean
  /** Await with the DER SubjectPublicKeyInfo that create-key answered, before anything else is sent. */
  created(publicKey: Uint8Array): Promise<void>
  /** Call before the CSR request leaves. */
  certificateMayExist(): void
  /** From now on `undo` touches nothing: a recovery decides from the row. */
  leaveToRecovery(): void
  /** Tries for up to 20 seconds. */
  undo(): Promise<Exclude<Rollback, 'not-needed'>>
  /** How the row ends after `undo`; undefined where another process has it. */
  ending(): Ending | undefined
}

export interface Ending {
  readonly change: Change
  /** Why the key is owed or abandoned. */
  readonly reason?: string
}

export interface DebtSettings {
  readonly settleAfterMs: number
  readonly giveUpAfterMs: number
}

/** What happened to a key that had to be taken back, for log and metrics. */
export type DebtEvent =
  | { readonly kind: 'owed' | 'abandoned'; readonly transactionId: string; readonly label: string; readonly reason: string }
  | { readonly kind: 'settled' | 'taken-over' | 'unseen'; readonly transactionId: string; readonly label: string }

/** A create that was not sent, because the journal would not have it. */
class NotSent extends ProblemError {
  readonly effect = 'none'

  constructor(cause: ProblemError) {
    super(cause.code, cause.detail, cause.extras, cause)
  }

  /** @throws NotSent in place of what the journal said */
  static instead(error: unknown): never {
    throw error instanceof ProblemError ? new NotSent(error) : error
  }
}

/**
 * @param parts.entry the transaction's row
 * @param parts.leaseMs how long a row stays this process's after a write to it
 * @param parts.reopen makes the row owed again after another process took it over and settled it
 * @param parts.now milliseconds of a clock that nobody sets
 */
export function openKeyDebt(parts: {
  readonly tsb: Tsb
  readonly entry: Entry
  readonly key: KeyReference
  readonly body: CreateKeyBody
  readonly labelIsOurs: boolean
  readonly settleAfterMs: number
  readonly leaseMs: number
  readonly now: () => number
  reopen(what: Omit<Reopened, 'secret'>): Promise<'owed' | 'abandoned' | 'committed'>
  /** The row says already that the create leaves. */
  readonly noted?: boolean
}): KeyDebt {
  const { tsb, entry, key, body, labelIsOurs, settleAfterMs, leaseMs, now, noted = false } = parts
  let sentAt = now()
  let publicKey: Uint8Array | undefined
  let certificate = false
  let left = false
  let ending: Ending | undefined

  const nobodyElseHasIt = (): void => assertFresh(entry.provenAt(), leaseMs)
  /** A journal that fails must not keep a key at the HSM, as long as nobody else can have the row. */
  const rowIsOurs = async (): Promise<() => void> => {
    await entry.write({}).catch((error: unknown) => { if (error instanceof RowLost) throw error })
    return nobodyElseHasIt
  }

  const tryOnce = (signal: AbortSignal, deleteUnderWay = false): Promise<Removal> => {
    const begun = performance.now()
    const lost = entry.lost()
    // Without the row, the look just before says that the key is ours, as long as it is not an old one.
    const lookIsFresh = (): void => assertFresh(begun, FRESH_MS)
    const owed: OwedKey = { key, body, labelIsOurs, sentAt, certificate, ...(publicKey !== undefined && { publicKey }) }
    // Another process may have deleted the key, and somebody may have made a new one: then look before deleting, under our own label too.
    return removeKey(tsb, owed, {
      now, settleAfterMs, absentBefore: false, deleteUnderWay, signal,
      ...(lost && { mostUses: Infinity }),
      deleteLeaves: lost ? async () => lookIsFresh : rowIsOurs,
    })
  }

  const removeNow = async (): Promise<Removal> => {
    const budget = AbortSignal.timeout(UNDO_BUDGET_MS)
    const lost = entry.lost()
    let removal = await tryOnce(budget)
    for (const pause of QUICK_PAUSES) {
      if (removal.state !== 'owed' || removal.notBefore !== undefined || budget.aborted || entry.lost() !== lost) break
      await delay(pause)
      removal = await tryOnce(budget, removal.deleteUnderWay)
    }
    return removal
  }

  /** Another process has the row: remove what is provably ours, and hand over the rest. */
  const undoFencedOff = async (): Promise<Exclude<Rollback, 'not-needed'>> => {
    const removal = publicKey === undefined ? undefined : await removeNow()
    // Another key answers to the label: whoever has the row has removed ours.
    if (removal?.state === 'removed' || removal?.state === 'abandoned') return 'done'
    const reason = removal?.reason ?? 'create-key was sent by a process that had lost this transaction, and its answer was not read'
    const reopened = await parts.reopen({ sentAgoMs: now() - sentAt, reason, ...(publicKey !== undefined && { publicKey }) })
    return reopened === 'abandoned' ? 'impossible' : 'pending'
  }

  return {
    labelIsOurs,
    async createLeaves() {
      const isNoted = noted && performance.now() - entry.provenAt() < FRESH_NOTE_MS
      if (!isNoted) await entry.write({ createLeaves: true }).catch(NotSent.instead)
      return () => {
        try { nobodyElseHasIt() } catch (error) { NotSent.instead(error) }
        sentAt = now()
      }
    },
    isOlder: (found) => isOlderThan(found, now() - sentAt),
    async created(spki) {
      publicKey = spki
      await entry.write({ state: 'key-created', publicKey: spki })
    },
    certificateMayExist: () => { certificate = true },
    leaveToRecovery: () => { left = true },
    async undo() {
      if (left) return 'pending'
      if (entry.lost()) return undoFencedOff()
      const removal = await removeNow()
      // What looks like another one's key may be one, because the label is another transaction's by now.
      if (removal.state === 'abandoned') await rowIsOurs().catch(() => undefined)
      if (entry.lost()) return undoFencedOff()
      ending = endingOf(removal, now())
      return ROLLBACK[removal.state]
    },
    ending: () => ending,
  }
}

/** A row that says for longer that its create leaves would say a wrong time; it may also have become another process's. */
const FRESH_NOTE_MS = 500
/** How old a look may be that a delete relies on where no row protects the label. */
const FRESH_MS = 2_000

const ROLLBACK = { removed: 'done', owed: 'pending', abandoned: 'impossible' } as const

/** What the journal is told after a first undo. */
function endingOf(removal: Removal, now: number): Ending {
  if (removal.state === 'removed') {
    if (removal.heldUntil === undefined) return { change: { state: 'rolled-back' } }
    return endingOf({ state: 'owed', reason: DELETE_UNDER_WAY, refused: false, notBefore: removal.heldUntil }, now)
  }
  const settling = { tries: 0, refusedMs: 0, refused: removal.state === 'owed' && removal.refused, absentBefore: false, reason: removal.reason }
  if (removal.state === 'abandoned') return { change: { state: 'abandoned', settling }, reason: removal.reason }
  const releaseForMs = removal.notBefore === undefined ? pauseAfter(0) : Math.max(removal.notBefore - now, 1)
  const known = { absentBefore: removal.notBefore !== undefined, ...(removal.deleteUnderWay && { deleteUnderWay: removal.deleteUnderWay }) }
  return { change: { state: 'rollback-owed', settling: { ...settling, ...known }, releaseForMs }, reason: removal.reason }
}
