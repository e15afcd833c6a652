import { Socket } from 'node:net'
import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient, sql } from 'kysely'
import { DatabaseError, Pool, types } from 'pg'
import { ProblemError } from '../errors.ts'
import type { Engine, EngineLimits } from './engine.ts'
import type { JournalOptions } from './journal.ts'
import { migrate } from './migrations.ts'
import type { JournalDatabase, JournalTables } from './schema.ts'

const CONNECT_MS = 5_000
const ANSWER_MS = 10_000
const POOL_SIZE = 10
/** A new index over a large table takes its time, and another replica may be making it just now. */
const MIGRATION_MS = 120_000
const UNIQUE_VIOLATION = '23505'
/** How long a server that was asked to end a connection may take, before it is cut. */
const GOODBYE_MS = 1_000

/**
 * An acknowledged write is on disk, whatever the server's default; `remote_apply` is more, and stays. And a plan that was made while the table
 * was small is not kept for when it has grown (postgresql.org, "synchronous_commit", "plan_cache_mode").
 */
const SESSION = `select set_config('plan_cache_mode', 'force_custom_plan', false), set_config('synchronous_commit',
  case current_setting('synchronous_commit') when 'remote_apply' then 'remote_apply' else 'on' end, false)`

/** A subquery, so that it is read once: indexes are of no use for a comparison with a function that may change between rows. */
const clock = () => sql<number>`(select (extract(epoch from clock_timestamp()) * 1000)::bigint)`

/**
 * Opens a journal on PostgreSQL.
 * @throws ProblemError `journal-unavailable` where it cannot be reached or its tables cannot be made
 */
export async function openPostgres(options: JournalOptions & EngineLimits): Promise<Engine> {
  const { url, connectMs = CONNECT_MS, answerMs = ANSWER_MS, poolSize = POOL_SIZE } = options
  try {
    await migrateAlone(kyselyOver(connect(url, connectMs, MIGRATION_MS, 2)))
  } catch (error) {
    if (error instanceof ProblemError) throw error
    throw new ProblemError('journal-unavailable', 'the journal\'s database cannot be reached, or its tables cannot be made', {}, error)
  }
  const pool = connect(url, connectMs, answerMs, poolSize)
  const db = kyselyOver(pool)
  return {
    db,
    clock,
    oneProcess: false,
    isUniqueViolation,
    async anew(work) {
      const own = kyselyOver(connect(url, connectMs, answerMs, 1))
      try {
        return await work(own)
      } finally {
        await own.destroy()
      }
    },
    async close() {
      await db.destroy()
      // kysely ends no pool that it has not used yet.
      await pool.end()
    },
  }
}

/**
 * A connection on which anything failed is not used again, unless it was a refused duplicate: an unanswered query blocks it, and a server
 * that has become a standby would refuse every write.
 * @returns a pool for kysely
 */
function connect(url: string, connectMs: number, answerMs: number, max: number): PostgresPool {
  const sockets = new Set<Socket>()
  const nameFor = namePrepared()
  const pool = new Pool({
    application_name: 'attestation-bundler',
    connectionString: url,
    max,
    connectionTimeoutMillis: connectMs,
    // Both: the server drops what nobody waits for any more, and we do not wait for a server that is not there.
    statement_timeout: answerMs,
    query_timeout: answerMs,
    keepAlive: true,
    stream() {
      const socket = new Socket()
      sockets.add(socket)
      return socket.once('close', () => sockets.delete(socket))
    },
    // bigint as a number, here only: epoch milliseconds are far below 2^53.
    types: { getTypeParser: (type, format) => (type === types.builtins.INT8 ? Number : types.getTypeParser(type, format as 'text')) },
    onConnect: (client) => client.query(SESSION),
  })
  // A connection that fails leaves the pool by itself; without a listener the event would end the process.
  pool.on('error', () => {})
  pool.on('connect', (client) => { client.on('error', () => {}) })
  return {
    options: pool.options,
    async connect() {
      const client = await pool.connect()
      let broken = false
      const query = async (text: string, parameters: unknown[]): Promise<unknown> => {
        try {
          return await client.query({ ...nameFor(text), text, values: parameters })
        } catch (error) {
          broken ||= !isUniqueViolation(error)
          throw error
        }
      }
      return { query: query as PostgresPoolClient['query'], release: (discard = false) => client.release(broken || discard) }
    },
    async end() {
      if (pool.ending) return
      await pool.end()
      // A server that does not answer would keep this process alive.
      if (sockets.size > 0) setTimeout(() => { for (const socket of sockets) socket.destroy() }, GOODBYE_MS).unref()
    },
  }
}

/**
 * Statements that a connection prepares once: the server reads each only once then. The journal has fewer forms, but some name as many rows as a
 * process holds, and those that come late are not worth keeping on each connection.
 */
const MOST_PREPARED = 50

/** @returns how a statement is prepared: under a name of its own, or for this once */
function namePrepared(): (text: string) => { readonly name?: string } {
  const names = new Map<string, string>()
  return (text) => {
    if (!names.has(text) && names.size < MOST_PREPARED) names.set(text, `journal-${names.size}`)
    const name = names.get(text)
    return name === undefined ? {} : { name }
  }
}

const isUniqueViolation = (error: unknown): boolean => error instanceof DatabaseError && error.code === UNIQUE_VIOLATION
const kyselyOver = (pool: PostgresPool): JournalDatabase => new Kysely<JournalTables>({ dialect: new PostgresDialect({ pool }) })

/** Two connections: one holds the advisory lock, the other one reads beside it what ran already. */
async function migrateAlone(db: JournalDatabase): Promise<void> {
  try {
    const { rows: [database] } = await sql<{ schema: string | null; encoding: string }>`
      select current_schema() as schema, current_setting('server_encoding') as encoding`.execute(db)
    const schema = database?.schema
    if (typeof schema !== 'string') throw new ProblemError('journal-unavailable', 'search_path names no schema of the journal\'s database')
    if (database?.encoding !== 'UTF8') throw new ProblemError('journal-unavailable', 'the journal\'s database must have the encoding UTF8')
    await migrate({
      db,
      types: { bytes: 'bytea', byteText: sql`text collate "C"` },
      schema,
      async executed() {
        const { rows } = await sql<{ name: string }>`select name from bundle_migration`.execute(db)
        return rows.map(({ name }) => name)
      },
    })
  } finally {
    await db.destroy()
  }
}
