import { type Kysely, type RawBuilder, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import type { JournalTables } from './schema.ts'

const TABLE = 'bundle_migration'

/** Two types that the engines name differently. */
export interface ColumnTypes {
  readonly bytes: 'blob' | 'bytea'
  /** Text that is compared byte by byte, whatever the database's locale. */
  readonly byteText: RawBuilder<string>
}

interface MigrationRun {
  readonly db: Kysely<JournalTables>
  readonly types: ColumnTypes
  /** PostgreSQL: the schema that unqualified names mean. A second journal may live in another schema of the same database. */
  readonly schema?: string
  /** Names of the migrations that ran already, read on another connection while the Migrator holds its lock. */
  readonly executed: () => Promise<readonly string[]>
}

/**
 * Brings the tables to this version. Migrations only ever add (design/transaction.md, "The journal"): an older version of the service works
 * on a newer schema, so a name that the database has and this version does not know is no fault.
 * @throws what the database threw; then nothing was changed
 */
export async function migrate({ db, types, schema, executed }: MigrationRun): Promise<void> {
  const migrator = new Migrator({
    db,
    migrationTableName: TABLE,
    migrationLockTableName: `${TABLE}_lock`,
    ...(schema !== undefined && { migrationTableSchema: schema }),
    // A mended older version may add a migration that sorts before one that ran already.
    allowUnorderedMigrations: true,
    provider: {
      async getMigrations() {
        const foreign = (await executed()).map((name): [string, Migration] => [name, { up: async () => {} }])
        return { ...Object.fromEntries(foreign), ...migrations(types) }
      },
    },
  })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
}

/** Names sort in the order in which they run. One that was released is never edited: its text is what databases out there have. */
function migrations(types: ColumnTypes): Record<string, Migration> {
  return { '001-first': { up: (db) => first(db, types) } }
}

const UNFINISHED = sql`state in ('began', 'key-created', 'csr-generated', 'attested', 'rolling-back', 'rollback-owed')`
const HOLDS_IDEMPOTENCY_KEY =
  sql`state in ('began', 'key-created', 'csr-generated', 'attested', 'rolling-back', 'rollback-owed', 'committed')`

async function first(db: Kysely<unknown>, { bytes, byteText }: ColumnTypes): Promise<void> {
  await db.schema.createTable('bundle_transaction')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('caller', 'text', (column) => column.notNull())
    .addColumn('tsb', 'text', (column) => column.notNull())
    .addColumn('label', byteText, (column) => column.notNull())
    .addColumn('label_key', 'text', (column) => column.notNull())
    .addColumn('label_is_ours', 'integer', (column) => column.notNull())
    .addColumn('idempotency_key', 'text')
    .addColumn('fingerprint', 'text')
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('owner', 'text')
    .addColumn('fence', 'bigint', (column) => column.notNull())
    .addColumn('lease_until', 'bigint')
    .addColumn('lapsed_at', 'bigint')
    .addColumn('sent_at', 'bigint')
    .addColumn('public_key', bytes)
    .addColumn('create_body', 'text', (column) => column.notNull())
    .addColumn('secret', 'text')
    .addColumn('settling', 'text')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('ended_at', 'bigint')
    .addColumn('steps', 'text', (column) => column.notNull())
    .addColumn('report', 'text')
    .addColumn('reason', 'text')
    .addColumn('written_off_at', 'bigint')
    .addColumn('bundle_file_name', 'text')
    .addColumn('bundle_sha256', 'text')
    .addColumn('bundle_size', 'bigint')
    .addColumn('bundle_bytes', bytes)
    .execute()
  const indexes = [
    // The two locks: on a label, and on an Idempotency-Key.
    sql`create unique index bundle_transaction_label on bundle_transaction (tsb, label_key) where ${UNFINISHED}`,
    sql`create unique index bundle_transaction_idempotency on bundle_transaction (caller, idempotency_key) where ${HOLDS_IDEMPOTENCY_KEY}`,
    sql`create index bundle_transaction_due on bundle_transaction (tsb, lease_until) where ${UNFINISHED}`,
    // A caller's list: few rows are found by label and then sorted, many are found in order of time.
    sql`create index bundle_transaction_by_label on bundle_transaction (caller, label, created_at, id, state)`,
    sql`create index bundle_transaction_by_time on bundle_transaction (caller, created_at, id, label, state)`,
    sql`create index bundle_transaction_newest on bundle_transaction (created_at, id)`,
    sql`create index bundle_transaction_open on bundle_transaction (created_at, id)
      where state not in ('committed', 'rolled-back') and written_off_at is null`,
    sql`create index bundle_transaction_kept on bundle_transaction (ended_at) where bundle_bytes is not null`,
  ]
  for (const index of indexes) await index.execute(db)

  await db.schema.createTable('bundle_heartbeat')
    .addColumn('id', 'integer', (column) => column.primaryKey().notNull())
    .addColumn('beaten_at', 'bigint', (column) => column.notNull())
    .execute()
}
