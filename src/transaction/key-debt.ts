import { setTimeout as delay } from 'node:timers/promises'
import type { Tsb } from '../tsb/tsb.ts'
import type { KeyAttributes } from '../tsb/key-attributes.ts'
import { isOlderThan, removeKey, type OwedKey, type Removal } from './remove-key.ts'

/** The undo of create-key: knows what is known of the key, and removes it. */
export interface KeyDebt {
  readonly labelIsOurs: boolean
  /** Call before the create request leaves. */
  createSent(): void
  /** Whether a key is older than our create request, by the HSM's own clock. */
  isOlder(key: KeyAttributes): boolean
  /** Call with the DER SubjectPublicKeyInfo that create-key answered. */
  created(publicKey: Uint8Array): void
  /** Call before the CSR request leaves. */
  certificateMayExist(): void
  /** Tries for up to 20 seconds; what stays owed is handed over and tried on in the background. */
  undo(): Promise<'done' | 'pending' | 'impossible'>
}

export interface DebtSettings {
  readonly settleAfterMs: number
  readonly giveUpAfterMs: number
}

/** How a debt ended, for journal and log. */
export type DebtEvent =
  | { readonly kind: 'owed'; readonly transactionId: string; readonly label: string; readonly reason: string }
  | { readonly kind: 'settled'; readonly transactionId: string; readonly label: string }
  | { readonly kind: 'abandoned'; readonly transactionId: string; readonly label: string; readonly reason: string }

/** The time that an undo has while its caller waits. It takes no abort signal: a caller who leaves must not stop it. */
const UNDO_BUDGET_MS = 20_000
/** Pauses between the tries of one undo, then of the background, in milliseconds. */
const QUICK_PAUSES = [250, 1_000]
const SLOW_PAUSES = [2_000, 5_000, 15_000, 30_000, 60_000]

export interface KeyDebts {
  debtFor(transactionId: string, owed: Pick<OwedKey, 'key' | 'body' | 'labelIsOurs'>): KeyDebt
  /** Debts that the background still works on. */
  count(): number
  /** Stops the background. */
  stop(): { readonly transactionId: string; readonly label: string }[]
}

/**
 * Keeps the debts of this process. In memory: a crash forgets them, which the journal's issue mends.
 * @param tsb where keys are removed
 * @param settings how long a create may land late, and how long a refusing TSB is asked
 * @param report is told of every change
 * @param now epoch milliseconds
 */
export function openKeyDebts(tsb: Tsb, settings: DebtSettings, report: (event: DebtEvent) => void, now: () => number): KeyDebts {
  const timers = new Map<string, { timer: NodeJS.Timeout; label: string }>()
  let stopped = false

  const tryOnce = (owed: OwedKey, absentBefore: boolean, signal = AbortSignal.timeout(UNDO_BUDGET_MS)): Promise<Removal> =>
    removeKey(tsb, owed, { now, settleAfterMs: settings.settleAfterMs, absentBefore, signal })

  const later = (transactionId: string, owed: OwedKey, last: Removal & { state: 'owed' }, tries: number, refusedMs: number): void => {
    if (stopped) return
    const pause = last.notBefore === undefined ? SLOW_PAUSES[Math.min(tries, SLOW_PAUSES.length - 1)]! : Math.max(last.notBefore - now(), 1)
    const timer = setTimeout(() => void again(transactionId, owed, last, tries + 1, refusedMs, pause), pause)
    // The listening server keeps the process alive; a debt alone must not keep a stopped one.
    timer.unref()
    timers.set(transactionId, { timer, label: owed.key.label })
  }

  const again = async (transactionId: string, owed: OwedKey, last: Removal & { state: 'owed' }, tries: number, refusedMs: number, waited: number): Promise<void> => {
    const absentBefore = last.notBefore !== undefined
    const removal = await tryOnce(owed, absentBefore)
    if (stopped) return
    const label = owed.key.label
    if (removal.state !== 'owed') {
      timers.delete(transactionId)
      report(removal.state === 'removed' ? { kind: 'settled', transactionId, label } : { kind: 'abandoned', transactionId, label, reason: removal.reason })
      return
    }
    // Only time in which the TSB answered and refused counts: an HSM that is away for a week is no reason to give up.
    const refused = removal.refused && last.refused ? refusedMs + waited : refusedMs
    if (refused >= settings.giveUpAfterMs) {
      timers.delete(transactionId)
      report({ kind: 'abandoned', transactionId, label, reason: removal.reason })
      return
    }
    later(transactionId, owed, removal, tries, refused)
  }

  return {
    debtFor(transactionId, { key, body, labelIsOurs }) {
      const known = { sentAt: now(), certificate: false, publicKey: undefined as Uint8Array | undefined }
      return {
        labelIsOurs,
        createSent: () => { known.sentAt = now() },
        isOlder: (found) => isOlderThan(found, now() - known.sentAt),
        created: (publicKey) => { known.publicKey = publicKey },
        certificateMayExist: () => { known.certificate = true },
        async undo() {
          const { publicKey, ...rest } = known
          const owed: OwedKey = { key, body, labelIsOurs, ...rest, ...(publicKey !== undefined && { publicKey }) }
          const budget = AbortSignal.timeout(UNDO_BUDGET_MS)
          let removal = await tryOnce(owed, false, budget)
          for (const pause of QUICK_PAUSES) {
            if (removal.state !== 'owed' || removal.notBefore !== undefined || budget.aborted) break
            await delay(pause)
            removal = await tryOnce(owed, false, budget)
          }
          if (removal.state === 'removed') return 'done'
          if (removal.state === 'abandoned') {
            report({ kind: 'abandoned', transactionId, label: key.label, reason: removal.reason })
            return 'impossible'
          }
          report({ kind: 'owed', transactionId, label: key.label, reason: removal.reason })
          later(transactionId, owed, removal, 0, 0)
          return 'pending'
        },
      }
    },
    count: () => timers.size,
    stop() {
      stopped = true
      for (const { timer } of timers.values()) clearTimeout(timer)
      return [...timers].map(([transactionId, { label }]) => ({ transactionId, label }))
    },
  }
}
