import type { Change, Inherited } from '../journal/journal.ts'
import type { CreateKeyBody } from '../tsb/create-key.ts'
import type { Tsb } from '../tsb/tsb.ts'
import { pauseAfter } from './backoff.ts'
import type { DebtSettings } from './key-debt.ts'
import { DELETE_UNDER_WAY, removeKey, type OwedKey, type Removal } from './remove-key.ts'

/** What came of one try at settling a row that was taken over. */
export interface Settlement {
  readonly state: 'rolled-back' | 'rollback-owed' | 'abandoned'
  readonly change: Change
  readonly reason?: string
}

/** The key's uses by a transaction: none before the CSR call; that call signs the CSR, and may sign a certificate (contract, section on CSRs). */
const USES_BEFORE_CSR = 0
const USES_WITH_CSR = 2

/**
 * One try at rolling back what another process, or an earlier try, left. Decides from the row alone.
 *
 * A journal that was restored from a backup, or failed over to a replica that lagged, must not destroy live keys: nothing is deleted where
 * the lease ran out very long ago, or where the key was used more often than its transaction used it (design: "The journal").
 * @param row claimed by this process
 * @param parts.rowIsOurs throws where the row is not this process's any more, and so does what it resolves to
 * @param parts.openPassword decrypts the row's secret; undefined where the key for it is missing
 * @param signal ends the try; the row stays owed then
 */
export async function settle(row: Inherited, parts: {
  readonly tsb: Tsb
  readonly settings: DebtSettings
  readonly now: () => number
  rowIsOurs(): Promise<() => void>
  openPassword(id: string, secret: string): readonly string[] | undefined
}, signal: AbortSignal): Promise<Settlement> {
  const { tsb, settings, now } = parts
  if (row.lapsedMs > settings.giveUpAfterMs) {
    return abandoned(row, 'nobody worked on it for longer than GIVE_UP_AFTER_MS, so the journal may be an old copy; nothing was deleted')
  }
  // The time is written down before the request leaves: without it, nothing was sent.
  if (row.sentAgoMs === undefined) return { state: 'rolled-back', change: { state: 'rolled-back' } }

  const password = row.secret === undefined ? undefined : parts.openPassword(row.id, row.secret)
  if (row.secret !== undefined && password === undefined) {
    return owed(row, { state: 'owed', reason: 'JOURNAL_ENCRYPTION_KEY does not hold the key that this row was written with', refused: false }, settings, now())
  }
  const body = row.createBody as unknown as CreateKeyBody
  const key: OwedKey = {
    key: { label: row.label, ...(password !== undefined && { password }) },
    body,
    labelIsOurs: row.labelIsOurs,
    sentAt: now() - row.sentAgoMs,
    certificate: row.publicKey !== undefined,
    passwordLost: body.password !== undefined && password === undefined,
    ...(row.publicKey !== undefined && { publicKey: row.publicKey }),
  }
  const removal = await removeKey(tsb, key, {
    now, settleAfterMs: settings.settleAfterMs, absentBefore: row.settling?.absentBefore ?? false, signal,
    // Who had the row in the middle of a rollback, or of a later try, may have sent a delete that is not heard of.
    deleteUnderWay: row.settling === undefined ? row.state === 'rollback-owed' : row.settling.deleteUnderWay === true,
    deleteLeaves: () => parts.rowIsOurs(),
    mostUses: row.publicKey === undefined ? USES_BEFORE_CSR : USES_WITH_CSR,
  })
  if (removal.state === 'removed' && removal.heldUntil !== undefined) {
    return owed(row, { state: 'owed', reason: DELETE_UNDER_WAY, refused: false, notBefore: removal.heldUntil }, settings, now())
  }
  if (removal.state === 'removed') return { state: 'rolled-back', change: { state: 'rolled-back' } }
  return removal.state === 'abandoned' ? abandoned(row, removal.reason) : owed(row, removal, settings, now())
}

function owed(row: Inherited, removal: Removal & { state: 'owed' }, settings: DebtSettings, now: number): Settlement {
  const before = row.settling
  const tries = (before?.tries ?? 0) + 1
  // Only time in which the TSB answered and refused counts: an HSM that is away for a week is no reason to give up.
  const refusedMs = (before?.refusedMs ?? 0) + (before?.refused === true && removal.refused ? pauseAfter(before.tries) : 0)
  if (refusedMs >= settings.giveUpAfterMs) return abandoned(row, removal.reason)
  const settling = {
    tries, refusedMs, refused: removal.refused, absentBefore: removal.notBefore !== undefined, reason: removal.reason,
    ...(removal.deleteUnderWay && { deleteUnderWay: removal.deleteUnderWay }),
  }
  const releaseForMs = removal.notBefore === undefined ? pauseAfter(tries) : Math.max(removal.notBefore - now, 1)
  const change = { state: 'rollback-owed' as const, settling, releaseForMs, ...(removal.onlyLateLooks === true && { freesIdempotencyKey: true as const }) }
  return { state: 'rollback-owed', change, reason: removal.reason }
}

function abandoned(row: Inherited, reason: string): Settlement {
  const settling = { tries: 0, refusedMs: 0, refused: false, absentBefore: false, ...row.settling, reason }
  return { state: 'abandoned', change: { state: 'abandoned', settling }, reason }
}
