import { ProblemError } from '../errors.ts'
import type { Inherited, Journal } from '../journal/journal.ts'
import { RowLost } from './entry.ts'

/**
 * Looks whether a row can still only be this process's: a process that stood still since it proved so may have lost it. Times are of the
 * monotonic clock, which goes on while a process is stopped.
 * @param provenAt when the write was sent that proved it
 * @param leaseMs how long that proof holds
 * @throws ProblemError where it does not hold any more
 */
export function assertFresh(provenAt: number, leaseMs: number): void {
  if (performance.now() - provenAt >= leaseMs) {
    throw new ProblemError('journal-unavailable', 'it took longer than a lease from the proof that this transaction is still this process\'s to the request')
  }
}

/**
 * @param row claimed by a recovery
 * @returns what to await before a delete leaves; it throws where the row is lost, and notes that a delete is under way, for who takes the row
 * over next. What it resolves to is called when a connection stands, and throws where that took too long
 */
export function claimStillOurs(journal: Journal, row: Inherited, leaseMs: number): () => Promise<() => void> {
  return async () => {
    const asked = performance.now()
    // Without a word on earlier tries, that the row was taken over in the middle of a rollback says the same.
    const note = row.settling && { settling: { ...row.settling, deleteUnderWay: true as const } }
    if (await journal.write(row, { ...note }) === undefined) throw new RowLost()
    return () => assertFresh(asked, leaseMs)
  }
}
