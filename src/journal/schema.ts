import { type Kysely, type RawBuilder, sql } from 'kysely'
import { type TransactionState, UNFINISHED } from './journal.ts'

/** One transaction. Times are epoch milliseconds by the journal's clock, but for `created_at`, which is the process's. */
export interface TransactionTable {
  id: string
  caller: string
  tsb: string
  label: string
  /** The label in lower case: TSBs differ in whether case matters, so no two transactions may differ in case only. */
  label_key: string
  label_is_ours: number
  idempotency_key: string | null
  /** JSON. */
  fingerprint: string | null
  state: TransactionState
  /** Which process holds the row; null: nobody. */
  owner: string | null
  fence: number
  /** Null once the row has ended. */
  lease_until: number | null
  /** When the lease of the last owner who wrote anything ran out; null after each write of the present one. */
  lapsed_at: number | null
  sent_at: number | null
  public_key: Uint8Array | null
  /** JSON, as the four below that have structure. */
  create_body: string
  secret: string | null
  settling: string | null
  created_at: number
  ended_at: number | null
  steps: string
  report: string | null
  reason: string | null
  written_off_at: number | null
  bundle_file_name: string | null
  bundle_sha256: string | null
  bundle_size: number | null
  /** Last, so that SQLite reads the other columns without walking through it (sqlite.org/fileformat2.html, overflow pages). */
  bundle_bytes: Uint8Array | null
}

export interface JournalTables {
  bundle_transaction: TransactionTable
  bundle_heartbeat: { id: number; beaten_at: number }
}

export type JournalDatabase = Kysely<JournalTables>

/**
 * Literals and not parameters: only so can a planner see that a partial index covers the query (sqlite.org/partialindex.html, section 3).
 * @returns `state in ('began', …)`
 */
export function stateIn(states: readonly TransactionState[]): RawBuilder<boolean> {
  return sql<boolean>`state in (${sql.join(states.map((state) => sql.lit(state)), sql`, `)})`
}

/** Somebody works on these rows, or will. The same words as in the partial indexes. */
export const unfinished = stateIn(UNFINISHED)
/** What an operator may have to look at. The same words as in the partial index. */
export const open = sql<boolean>`state not in ('committed', 'rolled-back') and written_off_at is null`
/** Whom an Idempotency-Key belongs to. */
export const holdsIdempotencyKey = stateIn([...UNFINISHED, 'committed'])
