import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import {
  type CompiledQuery, type DatabaseConnection, type Dialect, type QueryResult, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler,
} from 'kysely'
import type { GroupCommit } from './group-commit.ts'

/** The journal has fewer forms of statements; but some name as many rows as a process holds. */
const MOST_STATEMENTS = 100

/**
 * Kysely over `node:sqlite`, with one COMMIT for the writes that come together. Statements stand for themselves: transactions of kysely's
 * are not offered, because their statements would mix with others'.
 * @param database written through this alone
 */
export function sqliteDialect(database: DatabaseSync, commits: GroupCommit): Dialect {
  const statementFor = rememberStatements(database)
  const notOffered = async (): Promise<never> => { throw new Error('the SQLite journal writes single statements') }

  const connection: DatabaseConnection = {
    executeQuery: <R>({ sql, parameters, query }: CompiledQuery) => commits[query.kind === 'SelectQueryNode' ? 'read' : 'write']((): QueryResult<R> => {
      const { statement, givesRows } = statementFor(sql)
      const values = parameters as readonly SQLInputValue[]
      if (givesRows) return { rows: statement.all(...values) as R[] }
      const { changes, lastInsertRowid } = statement.run(...values)
      return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
    }),
    streamQuery: () => { throw new Error('the journal does not stream') },
  }
  return {
    // Kysely would let one statement after the other have the connection, and none could share another's commit.
    createAdapter: () => Object.defineProperty(new SqliteAdapter(), 'supportsMultipleConnections', { value: true }),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createDriver: () => ({
      async init() { /* it is open */ },
      acquireConnection: async () => connection,
      async releaseConnection() { /* there is one */ },
      beginTransaction: notOffered, commitTransaction: notOffered, rollbackTransaction: notOffered,
      async destroy() { commits.flush() },
    }),
  }
}

interface Prepared {
  readonly statement: StatementSync
  readonly givesRows: boolean
}

/** Prepares a statement once: that takes as long as running it. */
function rememberStatements(database: DatabaseSync): (sql: string) => Prepared {
  const statements = new Map<string, Prepared>()
  return (sql) => {
    const known = statements.get(sql)
    if (known !== undefined) return known
    const statement = database.prepare(sql)
    const prepared = { statement, givesRows: statement.columns().length > 0 }
    if (statements.size >= MOST_STATEMENTS) statements.delete(statements.keys().next().value!)
    statements.set(sql, prepared)
    return prepared
  }
}
