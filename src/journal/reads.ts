import { type RawBuilder, sql } from 'kysely'
import type { Context } from './engine.ts'
import type { Journal, Transaction } from './journal.ts'
import { keptBytes, plain, TRANSACTION_COLUMNS, transactionOf } from './rows.ts'
import { holdsIdempotencyKey, open } from './schema.ts'

const LISTED = 100
/** So few rows are sorted in a few milliseconds. */
const MANY = 5_000
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
  const row = await whole(context).where('caller', '=', caller).where('idempotency_key', '=', key).where(holdsIdempotencyKey)
    .executeTakeFirst()
  return row && transactionOf(row)
}

/** See Journal.findCommitted. */
export async function findCommitted(context: Context, caller: string, label: string): Promise<Transaction | undefined> {
  const row = await whole(context).where('caller', '=', caller).where('label', '=', label).where('state', '=', 'committed')
    .orderBy('created_at', 'desc').orderBy('id', 'desc').limit(1)
    .executeTakeFirst()
  return row && transactionOf(row)
}

/**
 * See Journal.list. A range and no LIKE: labels hold `_` and `.`, and case matters.
 *
 * Ids first, which indexes alone answer, then the rows: with a million rows of one caller under one prefix, sorting whole rows stops
 * SQLite, and with it this process, for two seconds.
 */
export async function list(context: Context, caller: string, asked: string): Promise<readonly Transaction[]> {
  const label = plain(asked)
  const { db } = context.engine
  const ofCaller = db.selectFrom('bundle_transaction').where('caller', '=', caller)
  const inRange = ofCaller.where('label', '>=', label).where('label', '<', label + LAST_CHARACTER)
  const { few } = await db.selectFrom(inRange.select('id').limit(MANY).as('some'))
    .select((query) => query(query.fn.countAll(), '<', MANY).as('few')).executeTakeFirstOrThrow()
  // As expressions the two bounds are no use to an index on labels, so that the one on times is walked until there are enough.
  const rows = few ? inRange : ofCaller.where(sql<boolean>`label || '' >= ${label} and label || '' < ${label + LAST_CHARACTER}`)
  const newest = async (state: RawBuilder<boolean>, limit: number) =>
    (await rows.select('id').where(state).orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit).execute()).map(({ id }) => id)
  const telling = await newest(sql<boolean>`state <> 'rolled-back'`, LISTED)
  const rolledBack = telling.length === LISTED ? [] : await newest(sql<boolean>`state = 'rolled-back'`, LISTED - telling.length)
  const found = await withoutBytes(context).where('id', 'in', ['', ...telling, ...rolledBack])
    .orderBy('created_at', 'desc').orderBy('id', 'desc').execute()
  return found.map(transactionOf)
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
