import type { TransactionState } from '../journal/journal.ts'

/** Where a transaction stands, as callers see it. */
export type TransactionStatus = 'in-progress' | 'completed' | 'rolling-back' | 'rolled-back' | 'rollback-owed' | 'abandoned'

/** @returns what callers are told of a state of the journal */
export function statusOf(state: TransactionState): TransactionStatus {
  switch (state) {
    case 'began': case 'key-created': case 'csr-generated': case 'attested': return 'in-progress'
    case 'committed': return 'completed'
    default: return state
  }
}
