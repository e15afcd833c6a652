import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import pg from 'pg'
import type { EngineLimits } from '../../src/journal/engine.ts'
import type { Journal, JournalOptions } from '../../src/journal/journal.ts'
import { openJournal } from '../../src/journal/open-journal.ts'
import { statement } from '../support/postgres-protocol.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { startPostgresProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { begun, begunIn, BUNDLE, LEASE_MS, RETENTION_MS, row, TSB, written } from './bench.ts'

const UNAVAILABLE = { code: 'journal-unavailable', detail: 'the journal cannot be read or written' }
const ANSWER_MS = 150
const UPDATE = statement(/^update "bundle_transaction"/)

let postgres: Postgres
let url: string
let client: pg.Client
let proxy: TcpProxy<Parameters<typeof UPDATE>[0]>
const opened: Journal[] = []
before(async () => {
  postgres = await startPostgres()
  url = await postgres.newDatabase()
  client = new pg.Client(url)
  await client.connect()
  await (await openJournal({ url, tsb: TSB, leaseMs: LEASE_MS, retentionMs: RETENTION_MS })).close()
})
after(async () => {
  await client.end()
  await postgres.stop()
})
beforeEach(async () => { proxy = await startPostgresProxy(url) })
afterEach(async () => {
  await Promise.all(opened.splice(0).map((journal) => journal.close()))
  await proxy.stop()
  await ask('delete from bundle_transaction')
})
/** Changes a setting for sessions to come. */
const alterDatabase = (change: string): Promise<unknown> =>
  ask(`do $$ begin execute format('alter database %I ${change}', current_database()); end $$`)

test('a connection that has prepared as many forms of statements as it may takes others all the same', async () => {
  const journal = await open({ poolSize: 1 })
  for (let ids = 1; ids <= 60; ids += 1) await journal.beat(Array.from({ length: ids }, (_, i) => `none-${i}`))
  await begunIn(journal, 'committed')
  assert.ok(Number(await ask(`select count(*) from pg_prepared_statements`)) <= 50)
})

async function open(more: Partial<JournalOptions & EngineLimits> = {}): Promise<Journal> {
  const options = { url: proxy.url, tsb: TSB, leaseMs: LEASE_MS, retentionMs: RETENTION_MS, answerMs: ANSWER_MS }
  const journal = await openJournal({ ...options, ...more })
  opened.push(journal)
  return journal
}
async function ask(text: string): Promise<unknown> {
  const { rows } = await client.query<unknown[]>({ text, rowMode: 'array' })
  return rows[0]?.[0]
}
const OURS = "from pg_stat_activity where application_name = 'attestation-bundler' and datname = current_database()"
const connections = async (): Promise<number> => Number(await ask(`select count(*) ${OURS}`))

describe('a write that goes unanswered', () => {
  test('fails in its time; a read on a new connection tells how it stands, and what lands late changes nothing', async () => {
    const journal = await open({ poolSize: 1 })
    const claim = await begunIn(journal, 'attested')
    const holding = proxy.holdBefore(UPDATE)
    const from = performance.now()
    const write = assert.rejects(journal.write(claim, { state: 'committed', bundle: BUNDLE }), UNAVAILABLE)
    const held = await holding
    assert.deepEqual(await journal.readAnew(claim.id), claim)
    await write
    assert.ok(performance.now() - from < 10 * ANSWER_MS)
    const undoing = await written(journal, claim, { state: 'rolling-back' })
    held.release()
    // The server ends the old connection once it has done what came through it.
    while (await connections() > 1);
    await written(journal, undoing, { state: 'rolled-back' })
    assert.equal((await journal.findAny(claim.id))?.state, 'rolled-back')
  })
  test('may have been done all the same', async () => {
    const journal = await open()
    const claim = await begunIn(journal, 'attested')
    const cut = proxy.cutAfter(UPDATE)
    await assert.rejects(journal.write(claim, { state: 'committed', bundle: BUNDLE }), UNAVAILABLE)
    await cut
    assert.deepEqual(await journal.readAnew(claim.id), { ...claim, state: 'committed' })
  })
  test('does not spoil the pool: its connection is not used again', async () => {
    const journal = await open({ poolSize: 1 })
    const claim = await begun(journal, row())
    const holding = proxy.holdAfter(UPDATE)
    await assert.rejects(journal.write(claim, { steps: [] }), UNAVAILABLE)
    const held = await holding
    await journal.beat([])
    held.release()
    await written(journal, claim, { state: 'key-created' })
  })
  test('because somebody holds the row is given up by the server as well', async () => {
    const journal = await open()
    const claim = await begun(journal, row())
    await client.query('begin')
    await client.query('select * from bundle_transaction for update')
    await assert.rejects(journal.write(claim, { state: 'key-created' }), UNAVAILABLE)
    await client.query('commit')
    assert.deepEqual(await journal.readAnew(claim.id), claim)
  })
})

describe('a server that is away', () => {
  test('fails what is asked meanwhile, and is found again', async () => {
    const journal = await open()
    const claim = await begun(journal, row())
    proxy.refuse()
    proxy.cutAll()
    await assert.rejects(journal.write(claim, { state: 'key-created' }), UNAVAILABLE)
    await assert.rejects(journal.readAnew(claim.id), UNAVAILABLE)
    await assert.rejects(journal.beat([claim.id]), UNAVAILABLE)
    await proxy.accept()
    await written(journal, claim, { state: 'key-created' })
  })
  test('and cuts connections while they are idle or in use ends no process', async () => {
    const journal = await open()
    await Promise.all(Array.from({ length: 5 }, () => journal.beat([])))
    const cut = proxy.cutBefore(statement(/bundle_heartbeat/))
    await assert.rejects(journal.beat([]), UNAVAILABLE)
    await cut
    await ask(`select count(pg_terminate_backend(pid)) ${OURS}`)
    while (await connections() > 0);
    // Each of the five may be asked once before its end has arrived here.
    let failed = 0
    while (await journal.beat([]).then(() => false, () => true)) failed += 1
    assert.ok(failed <= 5)
  })
  test('or frozen fails the opening in its time, and tells nothing of the URL', async () => {
    proxy.freeze()
    const from = performance.now()
    const detail = 'the journal\'s database cannot be reached, or its tables cannot be made'
    await assert.rejects(open({ connectMs: 100 }), { code: 'journal-unavailable', detail })
    assert.ok(performance.now() - from < 5_000)
    proxy.thaw()
  })
  test('or frozen keeps nobody who closes the journal', async () => {
    const journal = await open()
    await journal.beat([])
    proxy.freeze()
    await journal.close()
    proxy.thaw()
  })
})

describe('a database that cannot be written', () => {
  test('can be read, and neither a heartbeat nor a read anew passes as a journal that works', async () => {
    const claim = await begun(await open(), row())
    await alterDatabase('set default_transaction_read_only = on')
    const standby = await open()
    assert.equal((await standby.findAny(claim.id))?.state, 'began')
    await assert.rejects(standby.readAnew(claim.id), UNAVAILABLE)
    await alterDatabase('reset default_transaction_read_only')
    await assert.rejects(standby.beat([]), UNAVAILABLE)
    // The connection was given up with the refusal: a server that is a primary again is found.
    await standby.beat([])
  })
})

describe('the session', () => {
  test('waits for its commits to be on disk, though the server\'s default is not to', async () => {
    await alterDatabase('set synchronous_commit = off')
    await client.query(`create table seen (setting text);
      create function see() returns trigger language plpgsql as $$ begin
        insert into seen values (current_setting('synchronous_commit')); return null; end $$;
      create trigger see after insert or update on bundle_heartbeat for each statement execute function see();`)
    const journal = await open()
    await journal.beat([])
    await journal.readAnew('none')
    assert.deepEqual((await client.query('select distinct setting from seen')).rows, [{ setting: 'on' }])
    await alterDatabase('reset synchronous_commit')
    await client.query('drop trigger see on bundle_heartbeat')
  })
  test('reads bigint as a number without changing pg for everybody', async () => {
    const journal = await open()
    await begun(journal, row())
    assert.equal((await journal.listAll({ open: true, limit: 1 }))[0]?.createdAt instanceof Date, true)
    assert.equal(typeof await ask('select fence from bundle_transaction'), 'string')
  })
  test('finds its own tables where each of two schemas has a journal', async () => {
    await client.query('create schema one; create schema two')
    const journalIn = (schema: string): Promise<Journal> =>
      open({ url: `${url}?options=${encodeURIComponent(`-c search_path=${schema}`)}` })
    const [one, two] = await Promise.all([journalIn('one'), journalIn('two')])
    await begun(one, row())
    assert.deepEqual([(await one.listAll({ open: true, limit: 9 })).length, (await two.listAll({ open: true, limit: 9 })).length], [1, 0])
  })
})

describe('a database that cannot serve', () => {
  test('is refused by name of what is wrong with it', async () => {
    await ask("create database latin encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0")
    const latin = Object.assign(new URL(url), { pathname: 'latin' }).href
    await assert.rejects(open({ url: latin }), { detail: 'the journal\'s database must have the encoding UTF8' })
    const detail = 'search_path names no schema of the journal\'s database'
    await assert.rejects(open({ url: `${url}?options=-csearch_path%3Dnone` }), { detail })
  })
})

describe('leases', () => {
  test('run by the database\'s clock', async () => {
    const journal = await open({ now: () => 9e15 })
    const { id } = await begun(journal, row())
    const other = await open({ now: () => 9e15 })
    assert.deepEqual(await other.takeOver(1, []), [])
    const clock = '(extract(epoch from clock_timestamp()) * 1000)::bigint'
    assert.equal(await ask(`select lease_until - ${clock} between 0 and ${LEASE_MS} from bundle_transaction`), true)
    await ask(`update bundle_transaction set lease_until = ${clock}`)
    assert.deepEqual((await other.takeOver(1, [])).map((each) => each.id), [id])
  })
  test('of a row that another replica is just taking are not waited for', async () => {
    const journal = await open()
    const [first, second] = [await begun(journal, row()), await begun(journal, row())]
    await ask('update bundle_transaction set lease_until = 0')
    await client.query('begin')
    await client.query('select * from bundle_transaction where id = $1 for update', [first.id])
    assert.deepEqual((await journal.takeOver(5, [])).map(({ id }) => id), [second.id])
    await client.query('rollback')
  })
})
