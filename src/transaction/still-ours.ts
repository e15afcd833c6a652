import { ProblemError } from '../errors.ts'
import type { Claim, Journal } from '../journal/journal.ts'
import { RowLost } from './entry.ts'

/**
 * Proves that a row is still this process's, and that the proof is fresh: a process that stood still between question and answer may have
 * lost the row since. Times are of the monotonic clock, which goes on while a process is stopped.
 * @param leaseMs how long a proof holds
 * @param prove writes to the row, which renews its lease; throws where that is lost
 * @throws what `prove` threw; ProblemError where the answer came too late
 */
export async function stillOurs(leaseMs: number, prove: () => Promise<void>): Promise<void> {
  const asked = performance.now()
  await prove()
  if (performance.now() - asked >= leaseMs) {
    throw new ProblemError('journal-unavailable', 'the journal took longer than a lease to say whose transaction this is')
  }
}

/** @returns `stillOurs` for a row that a recovery has claimed */
export function claimStillOurs(journal: Journal, claim: Claim, leaseMs: number): () => Promise<void> {
  return () => stillOurs(leaseMs, async () => {
    if (await journal.write(claim, {}) === undefined) throw new RowLost()
  })
}
