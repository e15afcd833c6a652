import { sql } from 'kysely'
import { ProblemError } from '../errors.ts'
import type { Context } from './engine.ts'
import type { Inherited, Journal, Reopened, TransactionState } from './journal.ts'
import { INHERITED_COLUMNS, inheritedOf, plain, view } from './rows.ts'
import { unfinished } from './schema.ts'
import { hasEnded } from './transitions.ts'

/** Nobody works on the row: it was released, or its owner let the lease run out. */
const unheld = (clock: Context['engine']['clock']) => sql<boolean>`(owner is null or lease_until <= ${clock()})`
/**
 * The lease ran out. With SQLite an earlier process's lease that ends later than one that begins now was written before the clock was set
 * back: there is no second process whose setting could be another one, and nobody should wait until the clock has caught up. This process's
 * own leases may end later than this statement knows: its time is that of its building, and others may have been written since.
 */
const lapsed = ({ engine: { clock, oneProcess }, owner, leaseMs }: Context) => (oneProcess
  ? sql<boolean>`(lease_until <= ${clock()} or (owner <> ${owner} and lease_until > ${clock()} + ${leaseMs}))`
  : sql<boolean>`lease_until <= ${clock()}`)
/** An ended row lost its Idempotency-Key; the caller may have used it again since. An unfinished one still holds it. */
const keyIfHeld = { idempotency_key: sql<string | null>`case when ${unfinished} then idempotency_key end` }

/** What every change of hands writes. `lapsed_at` stays until the new owner writes: a recovery that died does not make the row younger. */
const taken = ({ engine: { clock }, owner, leaseMs }: Context) => ({
  fence: sql<number>`fence + 1`,
  owner,
  lapsed_at: sql<number>`coalesce(lapsed_at, lease_until, ended_at)`,
  lease_until: sql<number>`${clock()} + ${leaseMs}`,
})

/** A rollback that had begun is told from one that begins now: its delete may be under way. */
const ROLLED_BACK_ON = sql<TransactionState>`case when state in ('rolling-back', 'rollback-owed') then 'rollback-owed'
  else 'rolling-back' end`

/**
 * See Journal.takeOver. Two replicas at once take different rows: each skips what the other has locked (postgresql.org, SELECT, "The
 * Locking Clause"). The rows are named first, and once: a limit in a subquery that a planner may run again would be none.
 */
export async function takeOver(context: Context, limit: number, except: readonly string[]): Promise<readonly Inherited[]> {
  const { engine: { db, clock, oneProcess }, tsb } = context
  const rows = await db
    .with((name) => name('due').materialized(), (query) => query.selectFrom('bundle_transaction').select('id')
      .where(unfinished).where(lapsed(context)).where('tsb', '=', tsb)
      .$if(except.length > 0, (due) => due.where('id', 'not in', except))
      .orderBy('lease_until').limit(limit)
      .$if(!oneProcess, (due) => due.forUpdate().skipLocked()))
    .updateTable('bundle_transaction')
    .set({ ...taken(context), state: ROLLED_BACK_ON })
    .where('id', 'in', (query) => query.selectFrom('due').select('id'))
    .returning(INHERITED_COLUMNS).returning(clock().as('clock'))
    .execute()
  return rows.map(inheritedOf)
}

/** See Journal.countInherited. */
export async function countInherited({ engine: { db, clock, oneProcess }, tsb, owner }: Context): Promise<number> {
  const due = sql<boolean>`lease_until <= ${clock()}`
  const row = await db.selectFrom('bundle_transaction').select((query) => query.fn.countAll<number>().as('rows'))
    .where(unfinished).where('tsb', '=', tsb).where(sql<boolean>`(owner is null or owner <> ${owner})`)
    .where(oneProcess ? sql<boolean>`(owner is not null or ${due})` : due)
    .executeTakeFirstOrThrow()
  return Number(row.rows)
}

/** See Journal.reopen. */
export async function reopen({ engine }: Context, id: string, reopened: Reopened): ReturnType<Journal['reopen']> {
  const { db, clock, isUniqueViolation } = engine
  const said = {
    fence: sql<number>`fence + 1`,
    owner: null,
    lapsed_at: null,
    written_off_at: null,
    // What an earlier recovery saw was seen before this create could land.
    settling: null,
    sent_at: sql<number>`${clock()} - ${Math.ceil(reopened.sentAgoMs)}`,
    ...(reopened.publicKey && { public_key: view(reopened.publicKey) }),
    ...(reopened.secret !== undefined && { secret: reopened.secret }),
  }
  const update = db.updateTable('bundle_transaction').where('id', '=', id).where('state', '<>', 'committed')
  try {
    const [owed] = await update
      .set({ ...said, ...keyIfHeld, state: 'rollback-owed', lease_until: clock(), ended_at: null, reason: plain(reopened.reason) })
      .returning('id').execute()
    if (owed !== undefined) return 'owed'
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    const reason = `${plain(reopened.reason)}; another transaction has the label by now`
    const [abandoned] = await update
      .set({ ...said, state: 'abandoned', lease_until: null, ended_at: clock(), reason })
      .returning('id').execute()
    if (abandoned !== undefined) return 'abandoned'
  }
  const row = await db.selectFrom('bundle_transaction').select('state').where('id', '=', id).executeTakeFirst()
  if (row?.state === 'committed') return 'committed'
  throw new ProblemError('journal-unavailable', 'the journal does not have this transaction any more')
}

/** See Journal.takeOne. */
export async function takeOne(context: Context, id: string): ReturnType<Journal['takeOne']> {
  const { engine: { db, clock, isUniqueViolation }, tsb } = context
  try {
    const row = await db.updateTable('bundle_transaction')
      .set({ ...taken(context), ...keyIfHeld, state: 'rollback-owed', ended_at: null, written_off_at: null })
      .where('id', '=', id).where('tsb', '=', tsb)
      .where(sql<boolean>`(state = 'abandoned' or (${unfinished} and ${unheld(clock)}))`)
      .returning(INHERITED_COLUMNS).returning(clock().as('clock'))
      .executeTakeFirst()
    if (row !== undefined) return inheritedOf(row)
  } catch (error) {
    if (isUniqueViolation(error)) return 'label-held'
    throw error
  }
  const row = await db.selectFrom('bundle_transaction').select(['tsb', 'state']).where('id', '=', id).executeTakeFirst()
  if (row === undefined) return undefined
  if (row.tsb !== tsb) return 'other-tsb'
  return hasEnded(row.state) && row.state !== 'abandoned' ? 'nothing-owed' : 'held'
}

/** See Journal.writeOff. Rows of every TSB: one that is gone for good leaves nothing that could ever be settled. */
export async function writeOff({ engine: { db, clock } }: Context, id: string, reason: string): Promise<boolean> {
  const row = await db.updateTable('bundle_transaction')
    .set({
      state: 'abandoned',
      fence: sql<number>`fence + 1`,
      owner: null,
      lease_until: null,
      ended_at: sql<number>`coalesce(ended_at, ${clock()})`,
      written_off_at: clock(),
      secret: null,
      reason: plain(reason),
    })
    .where('id', '=', id).where('written_off_at', 'is', null)
    .where(sql<boolean>`(state = 'abandoned' or (${unfinished} and ${unheld(clock)}))`)
    .returning('id').executeTakeFirst()
  return row !== undefined
}
