import type { Change, TransactionState } from '../journal/journal.ts'
import type { Entry } from './entry.ts'

/**
 * The row of a transaction that no journal knows. It is this process's alone, and gone with it: only for a transaction that keeps nothing,
 * and whose label somebody was told before its key is made.
 * @param id of the transaction
 * @param noted is told of each change
 */
export function openPassingEntry(id: string, noted: (change: Change) => void): Entry {
  let state: TransactionState = 'began'
  return {
    id,
    state: () => state,
    lost: () => false,
    provenAt: () => performance.now(),
    reread: async () => state,
    async write(change) {
      state = change.state ?? state
      noted(change)
    },
    note(next) { state = next },
  }
}
