import { setImmediate } from 'node:timers/promises'
import { sql } from 'kysely'
import { ProblemError } from '../errors.ts'
import type { Context, Engine } from './engine.ts'
import type { Begun, Change, Claim, NewTransaction, Transaction } from './journal.ts'
import { columnsOfChange, columnsOfNew } from './rows.ts'
import { findByIdempotencyKey } from './reads.ts'
import { type JournalDatabase, unfinished } from './schema.ts'
import { hasEnded } from './transitions.ts'

/** How often a holder may end between the refused insert and the look at who it was, before the journal is no lock any more. */
const TRIES = 5
const EXPIRED_AT_ONCE = 100

/** See Journal.begin. The indexes decide, not a look before: two that begin at once meet in the database. */
export async function begin(context: Context, row: NewTransaction): Promise<Begun> {
  const { engine: { db, clock }, tsb, owner, leaseMs } = context
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const inserted = await db.insertInto('bundle_transaction')
      .values({ ...columnsOfNew(row, clock()), tsb, owner, fence: 1, lease_until: sql<number>`${clock()} + ${leaseMs}` })
      .onConflict((conflict) => conflict.doNothing())
      .returning('id')
      .executeTakeFirst()
    if (inserted !== undefined) return { state: 'begun', claim: { id: row.id, fence: 1, state: 'began' } }
    // The key first: a repeated request is told of its own transaction.
    const by = row.idempotency && await findByIdempotencyKey(context, row.caller, row.idempotency.key)
    if (by !== undefined) return { state: 'idempotency-key-held', by }
    const holder = await db.selectFrom('bundle_transaction').select('id')
      .where('tsb', '=', tsb).where('label_key', '=', row.label.toLowerCase()).where(unfinished)
      .executeTakeFirst()
    if (holder !== undefined) return { state: 'label-held' }
  }
  throw new ProblemError('journal-unavailable', 'the journal refuses this transaction and names no other that is in its way')
}

/**
 * See Journal.write. Beside id, fence and state it compares the owner: a journal that was restored, or failed over without its last writes,
 * counts fences up a second time, and then two claims may have the same number.
 */
export async function write({ engine: { db, clock }, owner, leaseMs }: Context, claim: Claim, change: Change): Promise<Claim | undefined> {
  const state = change.state ?? claim.state
  const wiped = state === 'committed' || state === 'rolled-back'
  const after = hasEnded(state)
    ? { owner: null, lease_until: null, ended_at: clock() }
    : {
        lease_until: sql<number>`${clock()} + ${Math.ceil(change.releaseForMs ?? leaseMs)}`,
        ...(change.releaseForMs !== undefined && { owner: null }),
      }
  const written = await db.updateTable('bundle_transaction')
    .set({ ...columnsOfChange(change, clock()), ...after, lapsed_at: null, ...(wiped && { secret: null, reason: null }) })
    .where('id', '=', claim.id).where('fence', '=', claim.fence).where('state', '=', claim.state).where('owner', '=', owner)
    .returning('fence')
    .executeTakeFirst()
  return written && { id: claim.id, fence: written.fence, state }
}

/** See Journal.noteSteps. */
export async function noteSteps({ engine: { db } }: Context, id: string, steps: Transaction['steps']): Promise<void> {
  await db.updateTable('bundle_transaction').set({ steps: JSON.stringify(steps) })
    .where('id', '=', id).where('state', '=', 'committed').execute()
}

/** See Journal.beat. */
export async function beat({ engine: { db, clock }, owner, leaseMs }: Context, held: readonly string[]): Promise<void> {
  if (held.length > 0) {
    await db.updateTable('bundle_transaction')
      .set({ lease_until: sql<number>`${clock()} + ${leaseMs}` })
      .where('id', 'in', held).where('owner', '=', owner).where(unfinished)
      .execute()
  }
  await proveWritable(db, clock)
}

/**
 * See Journal.readAnew. On PostgreSQL a write follows the read: a hot standby, which may be behind, refuses it; and once a synchronous
 * standby has this write, it also has the commit that the read saw (postgresql.org, "Synchronous Replication").
 */
export async function readAnew({ engine }: Context, id: string): Promise<Claim | undefined> {
  return await engine.anew(async (db) => {
    const row = await db.selectFrom('bundle_transaction').select(['id', 'fence', 'state']).where('id', '=', id).executeTakeFirst()
    if (!engine.oneProcess) await proveWritable(db, engine.clock)
    return row && { id: row.id, fence: row.fence, state: row.state }
  })
}

async function proveWritable(db: JournalDatabase, clock: Engine['clock']): Promise<void> {
  await db.insertInto('bundle_heartbeat').values({ id: 1, beaten_at: clock() })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ beaten_at: clock() }))
    .execute()
}

/** See Journal.expireBundles. In small steps: SQLite works on this process's only thread. */
export async function expireBundles({ engine: { db, clock, oneProcess }, retentionMs }: Context): Promise<number> {
  for (let total = 0; ;) {
    const { numUpdatedRows } = await db
      .with((name) => name('expired').materialized(), (query) => query.selectFrom('bundle_transaction').select('id')
        .where('bundle_bytes', 'is not', null).where('ended_at', '<=', sql<number>`${clock()} - ${retentionMs}`)
        .limit(EXPIRED_AT_ONCE).$if(!oneProcess, (rows) => rows.forUpdate().skipLocked()))
      .updateTable('bundle_transaction').set({ bundle_bytes: null })
      .where('id', 'in', (query) => query.selectFrom('expired').select('id'))
      .executeTakeFirst()
    total += Number(numUpdatedRows)
    if (numUpdatedRows < EXPIRED_AT_ONCE) return total
    await setImmediate()
  }
}
