import type { Change, Claim, TransactionState } from './journal.ts'

const UNDONE: readonly TransactionState[] = ['rolled-back', 'rollback-owed', 'abandoned']
const FAILING: readonly TransactionState[] = ['rolling-back', ...UNDONE]

/**
 * What may follow what (design/transaction.md, "The journal"). A change that keeps the state needs no line. How far a transaction with a key
 * has come is only for whoever looks, and a fast one is not written down at each step.
 */
const NEXT: Readonly<Record<TransactionState, readonly TransactionState[]>> = {
  began: ['key-created', ...FAILING],
  'key-created': ['csr-generated', 'attested', 'committed', ...FAILING],
  'csr-generated': ['attested', 'committed', ...FAILING],
  attested: ['committed', ...FAILING],
  'rolling-back': UNDONE,
  'rollback-owed': ['rolled-back', 'abandoned'],
  committed: [],
  'rolled-back': [],
  abandoned: [],
}

/** @returns whether nothing is written to such a row any more, but by `reopen` and by operators */
export const hasEnded = (state: TransactionState): boolean => NEXT[state].length === 0

/**
 * Refuses what no flow may write.
 * @throws Error: the calling code is wrong, not the journal
 */
export function checkChange(claim: Claim, change: Change): void {
  const after = change.state ?? claim.state
  if (hasEnded(claim.state)) throw new Error(`a ${claim.state} transaction is not written any more`)
  if (after !== claim.state && !NEXT[claim.state].includes(after)) throw new Error(`a ${claim.state} transaction does not become ${after}`)
  if ((after === 'committed') !== (change.bundle !== undefined)) throw new Error('a bundle is written with the commit, and only then')
  if (change.releaseForMs !== undefined && hasEnded(after)) throw new Error(`a ${after} transaction has nothing to release`)
}
