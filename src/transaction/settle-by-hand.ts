import type { Journal } from '../journal/journal.ts'
import { UNDO_BUDGET_MS } from './backoff.ts'
import type { RecoverySettings } from './recovery.ts'
import { settle, type Settlement } from './settle.ts'
import { claimStillOurs } from './still-ours.ts'

type Parts = Omit<Parameters<typeof settle>[1], 'rowIsOurs' | 'settings'> & { readonly settings: RecoverySettings }

export type SettledByHand =
  | { readonly outcome: Settlement['state']; readonly reason?: string }
  /** Nothing was tried. */
  | { readonly outcome: 'not-tried'; readonly reason: string }

const NOT_TRIED = {
  held: 'a process is at work on it; try again when its lease has run out',
  'label-held': 'another transaction holds the label now; try again when it has ended',
  'other-tsb': 'it belongs to another TSB than TSB_URL and TSB_ID name',
  'nothing-owed': 'nothing is owed for it',
}

/**
 * One try at a row that is owed or abandoned, because an operator asks for it: age alone is no reason to leave the key alone then, but what
 * is there must still be provably this transaction's, and not in use.
 * @param id of a transaction
 * @param parts as `settle` takes them
 * @returns undefined where there is no such row
 * @throws ProblemError where the journal fails
 */
export async function settleByHand(journal: Journal, id: string, parts: Parts): Promise<SettledByHand | undefined> {
  const row = await journal.takeOne(id)
  if (row === undefined) return undefined
  if (typeof row === 'string') return { outcome: 'not-tried', reason: NOT_TRIED[row] }
  const rowIsOurs = claimStillOurs(journal, row, parts.settings.leaseMs)
  const { state, change, reason } = await settle({ ...row, lapsedMs: 0 }, { ...parts, rowIsOurs }, AbortSignal.timeout(UNDO_BUDGET_MS))
  if (await journal.write(row, change) === undefined) return { outcome: 'not-tried', reason: 'another process took it over meanwhile' }
  return { outcome: state, ...(reason !== undefined && { reason }) }
}
