import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { Kysely, sql } from 'kysely'
import { ProblemError } from '../errors.ts'
import type { Engine, EngineLimits } from './engine.ts'
import { type GroupCommit, openGroupCommit, patiently, UNGROUPED } from './group-commit.ts'
import type { JournalOptions } from './journal.ts'
import { migrate } from './migrations.ts'
import type { JournalDatabase, JournalTables } from './schema.ts'
import { sqliteDialect } from './sqlite-dialect.ts'

/** Another process of the service has this journal. SQLite serves one (design/transaction.md, "The journal"). */
export class JournalInUse extends Error {
  constructor() {
    super('another process has this journal open: with SQLite, one process of the service may run; several replicas need PostgreSQL')
    this.name = 'JournalInUse'
  }
}

/** How long another process may hold the file: not as long as PostgreSQL may take. */
const BUSY_MS = 5_000
/** Result codes of SQLite (sqlite.org/rescode.html). The low byte is the primary code. */
const BUSY = 5
const READONLY = 8
const CORRUPT = 11
const NOT_A_DATABASE = 26
const UNIQUE = 2067
const PRIMARY_KEY = 1555

/**
 * Opens a SQLite journal and holds it for this process.
 * @throws JournalInUse, or ProblemError `journal-unavailable` with a detail that says what is wrong with the file
 */
export async function openSqlite(options: JournalOptions & EngineLimits): Promise<Engine> {
  const { url, now = Date.now, exclusive = true, answerMs = BUSY_MS } = options
  const opened: DatabaseSync[] = []
  const close = (): void => { for (const database of opened.splice(0)) if (database.isOpen) database.close() }
  try {
    const path = pathOf(url)
    makeFile(path)
    if (exclusive) opened.push(lock(`${path}-lock`))
    const database = connect(path, answerMs)
    opened.unshift(database)
    const patience = { isBusy, busyMs: answerMs }
    await patiently(patience, () => { database.exec('begin immediate') })
    await migrateAlone(database)
    const db = kyselyOver(database, openGroupCommit(database, patience))
    return {
      db,
      clock: () => sql<number>`${now()}`,
      oneProcess: true,
      isUniqueViolation: (error) => [UNIQUE, PRIMARY_KEY].includes(resultCode(error)),
      async anew(work) {
        const own = connect(path, answerMs)
        try {
          return await work(kyselyOver(own, openGroupCommit(own, patience)))
        } finally {
          own.close()
        }
      },
      async close() {
        await db.destroy()
        close()
      },
    }
  } catch (error) {
    close()
    throw error instanceof JournalInUse ? error : new ProblemError('journal-unavailable', faultOf(error), {}, error)
  }
}

/** @returns an absolute path; so no name means a database in memory */
function pathOf(url: string): string {
  return url.startsWith('file://') ? fileURLToPath(url) : resolve(url.slice('file:'.length))
}

/** Makes the file before SQLite does, for its mode; SQLite gives `-wal` and `-shm` the mode of the file (sqlite.org/c3ref/open.html). */
function makeFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  for (const file of [path, `${path}-lock`]) {
    // Only what is not there: closing a file drops every lock that SQLite holds on it in this process (sqlite.org/howtocorrupt.html, 2.2).
    if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600))
  }
  // SQLite syncs the folder for files that it makes itself.
  const folder = openSync(dirname(path), 'r')
  try { fsyncSync(folder) } finally { closeSync(folder) }
}

/**
 * Holds a lock of the kernel's, which ends with the process however it ends. On a file of its own: a command may open the journal too.
 * @throws JournalInUse
 */
function lock(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    // Nothing is ever written, so that no file has to stand ready for undoing it.
    database.exec('pragma journal_mode = memory')
    database.exec('begin exclusive')
    return database
  } catch (error) {
    database.close()
    throw isBusy(error) ? new JournalInUse() : error
  }
}

function connect(path: string, busyMs: number): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: busyMs })
  try {
    const mode = database.prepare('pragma journal_mode = wal').get()
    if (mode?.['journal_mode'] !== 'wal') throw new Error('this file system cannot hold a write-ahead log')
    database.exec('pragma synchronous = full')
    // From now on no wait holds this thread.
    database.exec('pragma busy_timeout = 0')
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

const kyselyOver = (database: DatabaseSync, commits: GroupCommit): JournalDatabase =>
  new Kysely<JournalTables>({ dialect: sqliteDialect(database, commits) })

/** In a transaction that was begun, and that nobody else can write beside: a command may open the journal at the same moment. */
async function migrateAlone(database: DatabaseSync): Promise<void> {
  try {
    await migrate({
      db: kyselyOver(database, UNGROUPED),
      types: { bytes: 'blob', byteText: sql`text collate binary` },
      executed: async () => database.prepare('select name from bundle_migration').all().map((row) => String(row['name'])),
    })
    database.exec('commit')
  } catch (error) {
    if (database.isTransaction) database.exec('rollback')
    throw error
  }
}

const isBusy = (error: unknown): boolean => (resultCode(error) & 0xff) === BUSY

function resultCode(error: unknown): number {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : 0
}

function faultOf(error: unknown): string {
  const code = resultCode(error) & 0xff
  if (code === NOT_A_DATABASE || code === CORRUPT) return 'the journal\'s file is no SQLite database, or a damaged one'
  if (code === BUSY) return 'another process holds the journal\'s file'
  if (code === READONLY) return 'the journal\'s file cannot be written'
  if (error instanceof Error && 'syscall' in error) return 'the journal\'s folder cannot be made or written'
  return 'the journal\'s file cannot be opened'
}
