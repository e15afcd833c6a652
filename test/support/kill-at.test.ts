import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { kindOf, KILL_AT, readPoints, type Point } from './kill-points.ts'
import { startPostgres, type Postgres } from './postgres.ts'
import { isStopped } from './process-state.ts'

/** Writes as the journal does, by kysely: one by one, then in a transaction, then by the drivers' other ways. Says which it heard of. */
const WRITER = `
  import { Kysely, PostgresDialect, SqliteDialect, sql } from 'kysely'
  import { DatabaseSync } from 'node:sqlite'
  import pg from 'pg'
  const [url] = process.argv.slice(1)
  const pool = url.startsWith('postgres:') ? new pg.Pool({ connectionString: url }) : undefined
  const file = pool ? undefined : new DatabaseSync(url)
  const prepare = (text) => {
    const statement = file.prepare(text)
    return { reader: statement.columns().length > 0, all: (values) => statement.all(...values), run: (values) => statement.run(...values) }
  }
  const database = { prepare, close: () => file.close() }
  const db = new Kysely({ dialect: pool ? new PostgresDialect({ pool }) : new SqliteDialect({ database }) })
  const heard = (what) => console.log(what)
  await sql\`create table bundle_transaction (id integer, state text, lease_until integer)\`.execute(db)
  await db.schema.createTable('bundle_heartbeat').addColumn('id', 'integer').execute()
  await db.insertInto('bundle_transaction').values({ id: 1, state: 'began' }).execute(), heard('began')
  await db.insertInto('bundle_heartbeat').values({ id: 1 }).execute()
  await db.updateTable('bundle_transaction').set({ lease_until: sql\`1 + \${2}\` }).where('id', 'in', [1, 2]).execute()
  await db.with('due', (query) => query.selectFrom('bundle_transaction').select('id').where('id', '=', 9)).updateTable('bundle_transaction')
    .set({ state: 'rolling-back' }).where('id', 'in', (query) => query.selectFrom('due').select('id')).returning('id').execute()
  await db.updateTable('bundle_transaction').set({ state: 'key-created' }).where('id', '=', 1).returning('id').execute()
  heard('key-created')
  await db.transaction().execute(async (trx) => {
    await trx.updateTable('bundle_transaction').set({ state: 'committed' }).execute(), heard('said')
  }), heard('committed')
  await db.transaction().execute((trx) => trx.selectFrom('bundle_transaction').selectAll().execute())
  const last = "update bundle_transaction set state = 'last'"
  if (pool) {
    await pool.query({ text: last }), heard('last')
    const client = await pool.connect()
    await new Promise((resolve) => client.query(last, resolve)), heard('again')
    client.release()
  } else {
    file.exec(last), heard('last')
    file.prepare(last).get(), heard('again')
  }
  await db.destroy()
`

function write(url: string, env: Record<string, string>): ChildProcess & { stdout: NonNullable<ChildProcess['stdout']> } {
  return spawn(process.execPath, ['--import', KILL_AT, '--input-type=module', '-e', WRITER, url], {
    cwd: new URL('../../', import.meta.url), env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'pipe', 'inherit'],
  })
}

let postgres: Postgres
let home: string
before(async () => {
  postgres = await startPostgres()
  home = mkdtempSync(join(tmpdir(), 'kill-at-'))
})
after(async () => {
  await postgres.stop()
  rmSync(home, { recursive: true, force: true })
})

let files = 0
const newFile = (): string => join(home, `${++files}`)
const engines = [
  ['SQLite', async () => newFile(), async (url: string): Promise<unknown> => {
    const file = new DatabaseSync(url)
    const row = file.prepare('select state from bundle_transaction').get()
    file.close()
    return row?.['state']
  }],
  ['PostgreSQL', () => postgres.newDatabase(), async (url: string): Promise<unknown> => {
    const client = new pg.Client(url)
    await client.connect()
    const { rows } = await client.query<{ state: string }>('select state from bundle_transaction').finally(() => client.end())
    return rows[0]?.state
  }],
] as const

/** What stands in the journal at each point, and of how many writes the writer has heard. What 3 writes takes effect by its COMMIT, 4. */
const POINTS = [
  ['journal:1:before', undefined, 0], ['journal:1:after', 'began', 0], ['sweep:2:after', 'began', 1], ['journal:2:before', 'began', 1],
  ['journal:2:after', 'key-created', 1], ['journal:3:after', 'key-created', 2],
  ['journal:4:before', 'key-created', 3], ['journal:4:after', 'committed', 3],
  ['journal:5:before', 'committed', 4], ['journal:5:after', 'last', 4], ['journal:6:after', 'last', 5],
] as const

for (const [engine, newDatabase, stateIn] of engines) {
  describe(`a process that writes to a journal on ${engine}`, { concurrency: true }, () => {
    test('stops before a write has an effect, or after it had, and goes on when it is let; all points are counted', async () => {
      const [url, file] = [await newDatabase(), newFile()]
      const writer = write(url, { STOP_AT: POINTS.map(([point]) => point).join(','), POINTS_FILE: file })
      const met: unknown[] = []
      const heard: string[] = []
      for await (const line of createInterface({ input: writer.stdout })) {
        if (!line.startsWith('{"killAt"')) {
          heard.push(line)
          continue
        }
        while (!isStopped(writer.pid!)) await nextTurn()
        const { killAt: { kind, n, when } } = JSON.parse(line) as { killAt: Point & { when: string } }
        met.push([`${kind}:${n}:${when}`, await stateIn(url), heard.length])
        writer.kill('SIGCONT')
      }
      assert.deepEqual(met, POINTS)
      assert.deepEqual(heard, ['began', 'key-created', 'said', 'committed', 'last', 'again'])
      // Neither heartbeats, tables nor reads are among them.
      const points = readPoints(file).map(({ kind, n, sql }) => `${kind} ${n} ${sql.split(' ')[0]}`)
      assert.deepEqual(points, ['journal 1 insert', 'sweep 1 update', 'sweep 2 with', 'journal 2 update',
        'journal 3 update', 'journal 4 commit', 'journal 5 update', 'journal 6 update'])
    })

    test('lets whoever sends a write stand still before it, or once it was answered, while the process goes on, and until that is resumed', async () => {
      for (const [hold, heard, state] of [['journal:1:before', [], undefined], ['journal:2:after', ['began'], 'key-created']] as const) {
        const url = await newDatabase()
        const writer = write(url, { HOLD_AT: hold })
        const lines = createInterface({ input: writer.stdout })[Symbol.asyncIterator]()
        const said: string[] = []
        for (let line = await lines.next(); line.done !== true && !line.value.startsWith('{"killAt"'); line = await lines.next()) said.push(line.value)
        assert.equal(isStopped(writer.pid!), false)
        assert.deepEqual([said, await stateIn(url)], [heard, state])
        writer.kill('SIGSTOP')
        while (!isStopped(writer.pid!)) await nextTurn()
        writer.kill('SIGCONT')
        for await (const line of lines) said.push(line)
        assert.deepEqual(said, ['began', 'key-created', 'said', 'committed', 'last', 'again'])
      }
    })
  })
}

test('a point that is none stops a process before it does anything', async () => {
  const writer = spawn(process.execPath, ['--import', KILL_AT, '-e', ''], { env: { STOP_AT: 'journal:0:before' } })
  assert.match(await text(writer.stderr), /journal:0:before is no point of a process/)
})

test('which statements are writes that a transaction waits for, and which are not', () => {
  for (const [sql, kind, values] of [
    ['insert into "bundle_transaction" ("id") values (?) on conflict do nothing', 'journal'],
    ['INSERT OR REPLACE INTO bundle_transaction VALUES (1)', 'journal'],
    ['update "public"."bundle_transaction" set "state" = $1 where "id" = $2', 'journal'],
    ['update "bundle_transaction" set "lease_until" = (select epoch from now()) + $1, "lapsed_at" = $2 where "id" = $3', 'journal'],
    ['update "bundle_transaction" set "state" = $1 where "state" = $2', 'journal', ['committed', 'attested']],
    ['update "bundle_transaction" set "state" = $1 where "state" = $2', 'sweep', ['attested', 'csr-generated']],
    ['update "bundle_transaction" set "state" = ?, "lease_until" = ? + ? where "state" = ?', 'sweep', ['csr-generated', 1, 2, 'key-created']],
    ['update "bundle_transaction" set "steps" = $1 where "id" = $2', 'sweep'],
    ['update "bundle_transaction" set "steps" = $1, "state" = $2 where "id" = $3', 'journal'],
    ['delete from bundle_transaction where id = 1', 'journal'],
    ['update "bundle_transaction" set "lease_until" = (select extract(epoch from now())) + $1 where "id" in ($2, $3)', 'sweep'],
    ['with "due" as (select "id" from "bundle_transaction" for update skip locked) update "bundle_transaction" set "fence" = 1', 'sweep'],
    ['select * from bundle_transaction for update', undefined],
    ['insert into "bundle_heartbeat" ("id") values ($1)', undefined],
    ['update bundle_transaction_other set id = 1', undefined],
    ['create unique index bundle_transaction_label on bundle_transaction (label_key)', undefined],
  ] as const) assert.equal(kindOf(sql, values), kind, sql)
})
