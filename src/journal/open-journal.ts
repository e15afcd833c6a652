import type { EngineLimits } from './engine.ts'
import type { Journal, JournalOptions } from './journal.ts'
import { openPostgres } from './postgres.ts'
import { openSqlite } from './sqlite.ts'
import { sqlJournal } from './sql-journal.ts'

export { JournalInUse } from './sqlite.ts'

/**
 * Opens the journal and brings its tables to this version.
 * @throws JournalInUse where another service process has the SQLite file; ProblemError `journal-unavailable` where it cannot be opened,
 * with a detail that names no URL, and what the engine said as its cause
 */
export async function openJournal(options: JournalOptions & EngineLimits): Promise<Journal> {
  const engine = options.url.startsWith('file:') ? await openSqlite(options) : await openPostgres(options)
  return sqlJournal(engine, options)
}
