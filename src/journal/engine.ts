import type { RawBuilder } from 'kysely'
import type { JournalDatabase } from './schema.ts'

/** What differs between the two engines; everything else is one code path. */
export interface Engine {
  readonly db: JournalDatabase
  /** Epoch milliseconds, the same within one statement. */
  readonly clock: () => RawBuilder<number>
  /** One process at a time: whatever another one held is nobody's. */
  readonly oneProcess: boolean
  readonly isUniqueViolation: (error: unknown) => boolean
  /** Runs `work` on a connection of its own, which is closed afterwards. */
  readonly anew: <T>(work: (db: JournalDatabase) => Promise<T>) => Promise<T>
  readonly close: () => Promise<void>
}

/** For tests, and for databases far away. */
export interface EngineLimits {
  /** PostgreSQL: how long a connection may take to be made, or to come free. Default 5000. */
  readonly connectMs?: number
  /** PostgreSQL: how long a statement may go unanswered, default 10000. SQLite: how long another one may hold the file, default 5000. */
  readonly answerMs?: number
  /** PostgreSQL: connections at once. Default 10. */
  readonly poolSize?: number
}

/** Everything that the methods of a journal share. */
export interface Context {
  readonly engine: Engine
  readonly tsb: string
  /** This process, as long as it has the journal open. */
  readonly owner: string
  readonly leaseMs: number
  readonly retentionMs: number
}
