import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { type CompiledQuery, DummyDriver, Kysely, type RawBuilder, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import { openJournal } from '../../src/journal/open-journal.ts'
import { holdsIdempotencyKey, open, unfinished } from '../../src/journal/schema.ts'
import { LEASE_MS, RETENTION_MS, TSB } from './bench.ts'

let folder: string
let database: DatabaseSync
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'journal-'))
  const path = join(folder, 'journal.sqlite')
  await (await openJournal({ url: `file:${path}`, tsb: TSB, leaseMs: LEASE_MS, retentionMs: RETENTION_MS })).close()
  database = new DatabaseSync(path)
})
after(() => {
  database.close()
  rmSync(folder, { recursive: true, force: true })
})

const compiler = new Kysely<Record<string, never>>({
  dialect: {
    createAdapter: () => new SqliteAdapter(), createDriver: () => new DummyDriver(), createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (db) => new SqliteIntrospector(db),
  },
})
const textOf = (condition: RawBuilder<boolean>): string => {
  const { sql, parameters }: CompiledQuery = condition.compile(compiler)
  assert.deepEqual(parameters, [], 'a planner does not see through parameters that a partial index covers a query')
  return sql
}

// SQLite takes a partial index only where the query says the index's condition word by word (sqlite.org/partialindex.html, section 3).
for (const [index, condition, more] of [
  ['bundle_transaction_label', unfinished, "tsb = 't' and label_key = 'l'"],
  ['bundle_transaction_idempotency', holdsIdempotencyKey, "caller = 'c' and idempotency_key = 'k'"],
  ['bundle_transaction_due', unfinished, "tsb = 't' and lease_until <= 5"],
  ['bundle_transaction_open', open, 'true order by created_at desc, id desc'],
] as const) {
  test(`${index} is of use to the queries that it is for`, () => {
    const plan = database.prepare(`explain query plan select fence from bundle_transaction where ${textOf(condition)} and ${more}`).all()
    assert.match(String(plan[0]?.['detail']), new RegExp(`USING INDEX ${index}\\b`))
    assert.equal(plan.length, 1)
  })
}
