import type { EvidenceReport } from '../evidence/evidence.ts'

/** Where a transaction stands, as the journal keeps it. */
export const STATES = ['began', 'key-created', 'csr-generated', 'attested', 'committed', 'rolling-back', 'rolled-back', 'rollback-owed', 'abandoned'] as const
export type TransactionState = typeof STATES[number]

/** Somebody works on these, or will: they hold their label, and their Idempotency-Key. */
export const UNFINISHED: readonly TransactionState[] = ['began', 'key-created', 'csr-generated', 'attested', 'rolling-back', 'rollback-owed']

export interface StoredBundle {
  readonly fileName: string
  readonly sha256: string
  /** Gone after the retention time; the row stays. */
  readonly bytes?: Buffer
  readonly size: number
}

/** Tells whether two requests are the same, without keeping what the password was. */
export interface Fingerprint {
  /** SHA-256 over the request without its password, base64. */
  readonly body: string
  /** scrypt of the password with a salt of this row, base64; undefined where there was none. */
  readonly password?: { readonly salt: string; readonly hash: string }
}

export interface NewTransaction {
  /** Lower-case UUID. */
  readonly id: string
  readonly caller: string
  readonly label: string
  /** The label holds the transaction's id, so that nothing else can want it. */
  readonly labelIsOurs: boolean
  /** create-key follows at once: stamped as `Change.createLeaves` does. */
  readonly createLeaves?: true
  readonly idempotency?: { readonly key: string; readonly fingerprint: Fingerprint }
  readonly createdAt: Date
  /** The body of create-key without its password: a recovery compares the key that it finds with it. */
  readonly createBody: Readonly<Record<string, unknown>>
  /** The key's password, encrypted; undefined where there is none, or none may be kept. */
  readonly secret?: string
}

/** One transaction, as callers and operators see it. */
export interface Transaction extends Omit<NewTransaction, 'createBody' | 'secret' | 'createLeaves'> {
  /** TSB and partition. */
  readonly tsb: string
  readonly state: TransactionState
  /** When it was committed, rolled back or given up. */
  readonly endedAt?: Date
  readonly steps: readonly { readonly name: string; readonly durationMs: number }[]
  readonly bundle?: StoredBundle
  readonly report?: EvidenceReport
  /** Why its key is owed or abandoned. */
  readonly reason?: string
  /** An operator wrote it off. */
  readonly writtenOffAt?: Date
}

/** The right to write to a row. Who takes a row over raises its number, and the earlier claim is worth nothing any more. */
export interface Claim {
  readonly id: string
  readonly fence: number
  readonly state: TransactionState
}

/** How the removal of an owed key stands. */
export interface Settling {
  readonly tries: number
  /** Time in which the TSB answered and refused. */
  readonly refusedMs: number
  /** The last answer was a refusal. */
  readonly refused: boolean
  /** The TSB said once already that a key which we saw made does not exist. */
  readonly absentBefore: boolean
  /** A delete left and its answer was not read: it may arrive whenever it likes. */
  readonly deleteUnderWay?: true
  readonly reason: string
}

/** A row that was taken over because its lease ran out: what its recovery has to know. */
export interface Inherited extends Claim {
  readonly caller: string
  readonly label: string
  readonly labelIsOurs: boolean
  readonly createBody: Readonly<Record<string, unknown>>
  readonly secret?: string
  /** Milliseconds since create-key was about to leave, by the journal's clock; undefined: it never was. */
  readonly sentAgoMs?: number
  /** DER SubjectPublicKeyInfo that create-key answered. */
  readonly publicKey?: Buffer
  /** Milliseconds since the lease of the last owner who wrote anything ran out, by the journal's clock. */
  readonly lapsedMs: number
  readonly settling?: Settling
}

export interface Change {
  /** Undefined: stays as it is. */
  readonly state?: TransactionState
  /** create-key is about to leave: stamped with the journal's clock. */
  readonly createLeaves?: true
  readonly publicKey?: Uint8Array
  readonly settling?: Settling
  readonly steps?: Transaction['steps']
  readonly report?: EvidenceReport
  readonly bundle?: Required<StoredBundle>
  /** The caller's Idempotency-Key may be used anew: the row has no outcome that anybody could wait for. */
  readonly freesIdempotencyKey?: true
  /** Gives the row away: nobody holds it, and after this many milliseconds whoever comes first takes it. */
  readonly releaseForMs?: number
}

/** Why a transaction may not begin: another one holds the label, or the caller's Idempotency-Key is in use. */
export type Begun =
  | { readonly state: 'begun'; readonly claim: Claim }
  | { readonly state: 'label-held' }
  | { readonly state: 'idempotency-key-held'; readonly by: Transaction }

/** What `reopen` writes of a create that its fenced-off owner had sent. */
export interface Reopened {
  readonly sentAgoMs: number
  readonly publicKey?: Uint8Array
  readonly secret?: string
  readonly reason: string
}

/**
 * What transactions write down, on disk before the step that it is about.
 *
 * Two things are unique across everything that writes to one journal: TSB plus lower-cased label over unfinished rows, and caller plus
 * Idempotency-Key over unfinished and committed rows. That uniqueness is the lock.
 *
 * Every method throws ProblemError `journal-unavailable` where the journal cannot be read or written in time.
 */
export interface Journal {
  /** Inserts a row in state `began`, leased to this process. Durable when it resolves, as every write here. */
  begin(row: NewTransaction): Promise<Begun>
  /**
   * A compare-and-set on id, fence, state and owner. Renews the lease, but for a change that ends or releases the row, and with it the
   * claim. `committed` and `rolled-back` wipe the secret. Throws Error where the change is none that may follow the claim's state.
   * @returns the claim for the next write; undefined where the row is no longer this claim's
   */
  write(claim: Claim, change: Change): Promise<Claim | undefined>
  /** Completes the steps of a committed row: the commit itself is only timed when it is over. */
  noteSteps(id: string, steps: Transaction['steps']): Promise<void>
  /**
   * The row's present state and fence, read on a connection of its own: after a write that failed or went unanswered, the connection it went
   * through is not to be trusted.
   */
  readAnew(id: string): Promise<Claim | undefined>

  /** Renews the leases of these rows as far as they are this process's, and proves that the journal can be written. */
  beat(held: readonly string[]): Promise<void>
  /**
   * Takes over rows of this process's TSB whose lease ran out. Running ones become `rolling-back`. Those whose
   * rollback had begun become `rollback-owed`, or stay so: a delete may have been sent by who had them.
   * @param except ids of rows that this process holds in memory
   */
  takeOver(limit: number, except: readonly string[]): Promise<readonly Inherited[]>
  /** Rows that were left by others and that nobody has taken over yet; with SQLite every running row of another process, lease or not. */
  countInherited(): Promise<number>
  /**
   * Makes a row owed again, whoever settled or holds it, unless it is committed: its fenced-off owner had sent a create that may still land.
   * Raises the fence, so that a recovery that is at work on it cannot settle it any more.
   * Throws where the journal lost the row: nothing is written then.
   * @returns `abandoned` where another transaction holds the label by now: the row says so, and an operator has to look
   */
  reopen(id: string, reopened: Reopened): Promise<'owed' | 'abandoned' | 'committed'>

  /** A caller sees its own rows only. */
  find(caller: string, id: string): Promise<Transaction | undefined>
  findByIdempotencyKey(caller: string, key: string): Promise<Transaction | undefined>
  /** The newest committed row of exactly this label. */
  findCommitted(caller: string, label: string): Promise<Transaction | undefined>
  /** Rows whose label is, or begins with, `label`; newest first, 100 at most, without bytes, and rolled-back ones only where there is room. */
  list(caller: string, label: string): Promise<readonly Transaction[]>
  /** Counts over the whole journal, written-off rows left out. */
  count(): Promise<{ readonly owed: number; readonly abandoned: number }>
  /** Forgets the bytes of bundles past their retention time. @returns how many */
  expireBundles(): Promise<number>

  /** For operators: rows of all callers and TSBs, newest first. `open`: only what is unfinished, or abandoned and not written off. */
  listAll(options: { readonly open: boolean; readonly limit: number }): Promise<readonly Transaction[]>
  findAny(id: string): Promise<Transaction | undefined>
  /**
   * Takes over by hand one row that nobody works on, abandoned or unfinished; it becomes `rollback-owed`.
   * @returns why not: somebody works on it, another transaction has the label, it is of another TSB, or nothing is owed
   */
  takeOne(id: string): Promise<Inherited | 'held' | 'label-held' | 'other-tsb' | 'nothing-owed' | undefined>
  /**
   * Writes a row off: it is `abandoned`, its secret is wiped, and nothing counts it any more.
   * @returns whether there was an unfinished or abandoned row that nobody works on
   */
  writeOff(id: string, reason: string): Promise<boolean>

  close(): Promise<void>
}

export interface JournalOptions {
  /** `file:…` for SQLite, `postgres://…` or `postgresql://…`. */
  readonly url: string
  /** TSB and partition: only this one's rows are ever settled. */
  readonly tsb: string
  readonly leaseMs: number
  readonly retentionMs: number
  /** SQLite takes the process's clock, PostgreSQL its own. Epoch milliseconds. */
  readonly now?: () => number
  /** SQLite: the one service process of this file, or else JournalInUse. A command beside the service says false. Default true. */
  readonly exclusive?: boolean
}
