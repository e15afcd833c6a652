import { sql } from 'kysely'
import type { Context } from './engine.ts'
import type { Journal, Transaction } from './journal.ts'
import { keptBytes, plain, TRANSACTION_COLUMNS, transactionOf } from './rows.ts'
import { holdsIdempotencyKey, open } from './schema.ts'

const LISTED = 100
/** Above every character that follows a prefix: a label that begins with `p` is `p` or more, and less than `p` with this behind it. */
const LAST_CHARACTER = '\u{10FFFF}'

const whole = ({ engine: { db, clock }, retentionMs }: Context) =>
  db.selectFrom('bundle_transaction').select(TRANSACTION_COLUMNS).select(keptBytes(clock(), retentionMs).as('kept_bytes'))
const withoutBytes = ({ engine: { db } }: Context) => db.selectFrom('bundle_transaction').select(TRANSACTION_COLUMNS)

/** See Journal.find. */
export async function find(context: Context, caller: string, id: string): Promise<Transaction | undefined> {
  const row = await whole(context).where('id', '=', plain(id)).where('caller', '=', caller).executeTakeFirst()
  return row && transactionOf(row)
}

/** See Journal.findByIdempotencyKey. */
export async function findByIdempotencyKey(context: Context, caller: string, key: string): Promise<Transaction | undefined> {
  const row = await whole(context).where('caller', '=', caller).where('idempotency_key', '=', key).where(holdsIdempotencyKey).executeTakeFirst()
  return row && transactionOf(row)
}

/** See Journal.findCommitted. */
export async function findCommitted(context: Context, caller: string, label: string): Promise<Transaction | undefined> {
  const row = await whole(context).where('caller', '=', caller).where('label', '=', label)
    .where(sql<boolean>`state <> 'rolled-back'`).where(sql<boolean>`state = 'committed'`)
    .orderBy('created_at', 'desc').orderBy('id', 'desc').limit(1)
    .executeTakeFirst()
  return row && transactionOf(row)
}

/** See Journal.list. A range and no LIKE: labels hold `_` and `.`, and case matters. */
export async function list(context: Context, caller: string, asked: string): Promise<readonly Transaction[]> {
  const label = plain(asked)
  const newest = async (which: ReturnType<typeof sql<boolean>>, limit: number) => await withoutBytes(context)
    .where('caller', '=', caller).where('label', '>=', label).where('label', '<', label + LAST_CHARACTER).where(which)
    .orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit)
    .execute()
  const telling = await newest(sql<boolean>`state <> 'rolled-back'`, LISTED)
  const room = LISTED - telling.length
  const rolledBack = room === 0 ? [] : await newest(sql<boolean>`state = 'rolled-back'`, room)
  // A row may have been rolled back between the two queries.
  const rows = [...new Map([...telling, ...rolledBack].map((row) => [row.id, row])).values()]
  return rows.sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? 1 : -1)).map(transactionOf)
}

/** See Journal.count. */
export async function count({ engine: { db } }: Context): Promise<{ owed: number; abandoned: number }> {
  const rows = await db.selectFrom('bundle_transaction').select(['state', (query) => query.fn.countAll<number>().as('rows')])
    .where(open).groupBy('state').execute()
  const of = (state: string): number => Number(rows.find((row) => row.state === state)?.rows ?? 0)
  return { owed: of('rollback-owed'), abandoned: of('abandoned') }
}

/** See Journal.listAll. */
export async function listAll(context: Context, options: Parameters<Journal['listAll']>[0]): Promise<readonly Transaction[]> {
  const rows = await withoutBytes(context).$if(options.open, (query) => query.where(open))
    .orderBy('created_at', 'desc').orderBy('id', 'desc').limit(options.limit)
    .execute()
  return rows.map(transactionOf)
}

/** See Journal.findAny. */
export async function findAny(context: Context, id: string): Promise<Transaction | undefined> {
  const row = await whole(context).where('id', '=', id).executeTakeFirst()
  return row && transactionOf(row)
}
