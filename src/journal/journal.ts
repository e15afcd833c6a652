import type { EvidenceReport } from '../evidence/evidence.ts'

/** Where a transaction stands, as callers see it. */
export type TransactionStatus = 'in-progress' | 'completed' | 'rolling-back' | 'rolled-back' | 'rollback-owed' | 'abandoned'

export interface StoredBundle {
  readonly fileName: string
  readonly sha256: string
  /** Gone after the retention time; the row stays. */
  readonly bytes?: Buffer
  readonly size: number
}

/** One row per transaction. */
export interface Transaction {
  readonly id: string
  readonly caller: string
  readonly label: string
  /** The label holds the transaction's id, so that nothing else can want it. */
  readonly labelIsOurs: boolean
  readonly idempotency?: { readonly key: string; readonly fingerprint: Fingerprint }
  readonly status: TransactionStatus
  readonly createdAt: Date
  readonly completedAt?: Date
  readonly steps: readonly { readonly name: string; readonly durationMs: number }[]
  readonly bundle?: StoredBundle
  readonly report?: EvidenceReport
}

/** Tells whether two requests are the same, without keeping what the password was. */
export interface Fingerprint {
  /** SHA-256 over the request without its password, base64. */
  readonly body: string
  /** scrypt of the password with a salt of this row, base64; undefined where there was none. */
  readonly password?: { readonly salt: string; readonly hash: string }
}

export type NewTransaction = Pick<Transaction, 'id' | 'caller' | 'label' | 'labelIsOurs' | 'idempotency' | 'createdAt'>

/** Why a transaction may not begin: another one holds the label, or the caller's Idempotency-Key is in use. */
export type Begun =
  | { readonly state: 'begun' }
  | { readonly state: 'label-held' }
  | { readonly state: 'idempotency-key-held'; readonly by: Transaction }

/**
 * What a transaction writes down. Two things are unique across everything that writes to one journal: the lower-cased label over unfinished
 * rows, and caller plus Idempotency-Key over unfinished and completed rows. That uniqueness is the lock.
 */
export interface Journal {
  /** @throws ProblemError `journal-unavailable` where the row can't be kept: then nothing may be sent */
  begin(row: NewTransaction): Promise<Begun>
  update(id: string, change: Partial<Pick<Transaction, 'status' | 'completedAt' | 'steps' | 'bundle' | 'report'>>): Promise<void>
  /** A caller sees its own rows only. */
  find(caller: string, id: string): Promise<Transaction | undefined>
  findByIdempotencyKey(caller: string, key: string): Promise<Transaction | undefined>
  /** The completed row of exactly this label. */
  findCompleted(caller: string, label: string): Promise<Transaction | undefined>
  /** Rows whose label is, or begins with, `label`; newest first, 100 at most, and rolled-back ones only where there is room. */
  list(caller: string, label: string): Promise<readonly Transaction[]>
  close(): Promise<void>
}
