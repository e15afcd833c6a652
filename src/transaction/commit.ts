import { ProblemError } from '../errors.ts'
import type { Change } from '../journal/journal.ts'
import { AlreadyCommitted, RowLost, type Entry } from './entry.ts'

/** Nobody can say whether the transaction is committed. Nothing may be deleted: the row decides, and the recovery reads it. */
export class CommitUnknown extends ProblemError {
  constructor(cause: unknown) {
    super('journal-unavailable', 'the journal did not say whether the bundle is kept; if it is, GET or a repeated Idempotency-Key will find it', {}, cause)
    this.name = 'CommitUnknown'
  }
}

/**
 * Commits, and finds out what happened where the write failed or went unanswered: the row is read again before anything else, and only a row
 * that is provably not committed may be rolled back (design: "Unknown commit").
 * @param entry the row
 * @param bundle what is committed: bundle, report, steps
 * @throws RowLost; CommitUnknown where the row cannot be read; what the write threw, where the row was turned to `rolling-back` instead
 */
export async function commit(entry: Entry, bundle: Omit<Change, 'state'>): Promise<void> {
  try {
    await entry.write({ ...bundle, state: 'committed' })
  } catch (failed) {
    if (failed instanceof AlreadyCommitted) return
    if (failed instanceof RowLost) throw failed
    if (await turnedBack(entry)) throw failed
  }
}

/** @returns false where the row is committed, true where it never will be */
async function turnedBack(entry: Entry): Promise<boolean> {
  try {
    if (await entry.reread() === 'committed') return false
    await entry.write({ state: 'rolling-back' })
    return true
  } catch (error) {
    if (error instanceof AlreadyCommitted) return false
    if (error instanceof RowLost) throw error
    throw new CommitUnknown(error)
  }
}
