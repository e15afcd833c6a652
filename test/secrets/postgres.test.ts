import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { startServiceProcess, type ServiceProcess } from '../support/process.ts'
import { startOwnPostgres, type Postgres } from '../support/postgres.ts'
import { order } from '../support/service.ts'
import { openDriver, type Driver } from './driver.ts'
import { openGrep } from './planted.ts'
import { driveSuccess } from './requests.ts'
import { openStage, SECRETS, type Stage } from './settings.ts'

const grep = openGrep(SECRETS)
let stage: Stage
let postgres: Postgres
let service: ServiceProcess & { readonly url: string } | undefined
let driver: Driver

/** @returns the database's URL for a user whose password is one of the secrets */
async function withPlantedPassword(database: string): Promise<string> {
  const client = new pg.Client(database)
  await client.connect()
  await client.query(`create role bundler superuser login password '${SECRETS.journalPassword}'`)
  await client.end()
  return Object.assign(new URL(database), { username: 'bundler', password: SECRETS.journalPassword }).href
}

/** Every table of the journal, every row as the server writes it. */
async function addTables(url: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  const { rows: tables } = await client.query<{ name: string }>("select quote_ident(tablename) as name from pg_tables where schemaname = 'public'")
  for (const { name } of tables) {
    const { rows } = await client.query<{ row: string }>(`select each::text as row from ${name} as each`)
    grep.add(`table ${name}`, rows.map(({ row }) => row.replaceAll('""', '"')).join('\n'))
    grep.add(`JSON of table ${name}`, JSON.stringify((await client.query(`select * from ${name}`)).rows))
  }
  grep.add('table of sessions', JSON.stringify((await client.query('select application_name, query from pg_stat_activity')).rows))
  await client.end()
}

before(async () => {
  [stage, postgres] = await Promise.all([openStage(), startOwnPostgres()])
  const database = await postgres.newDatabase()
  service = await startServiceProcess({ ...stage.env, JOURNAL_URL: await withPlantedPassword(database) })
  driver = openDriver(service.url, grep)
  await driveSuccess(driver)
  stage.simulator.faults.under('owed').set('key-attestation', { kind: 'hsm-error', times: Infinity })
  stage.simulator.faults.under('owed').set('delete-key', { kind: 'status', status: 400, body: { errorCode: 402 }, times: Infinity })
  await driver.post(order('owed', { password: SECRETS.password }))
  await addTables(database)
  // The database goes while a key has been made and its password is held in memory.
  const arrived = stage.simulator.next('certificate-request')
  stage.simulator.faults.under('gone').set('certificate-request', { kind: 'slow', delayMs: 300 })
  const gone = driver.post(order('gone', { password: SECRETS.password }))
  await arrived
  await postgres.stop()
  await gone
  await driver.post(order('gone-too', { password: SECRETS.password }), { 'idempotency-key': 'gone' })
  await driver.ask('/readyz')
  await driver.ask('/metrics')
})
after(async () => {
  await service?.kill()
  await postgres.stop()
  await stage.close()
})

describe('a journal on PostgreSQL', () => {
  test('no secret is in its tables, nor in what is written and answered when it is gone', async () => {
    await service!.kill()
    grep.add('output', service!.written())
    assert.deepEqual(grep.finds(), [])
    assert.ok(driver.codes.has('journal-unavailable'))
  })
  test('the tables are the real ones: they hold the labels and the encrypted passwords', () => {
    assert.match(grep.textOf('table bundle_transaction'), /drive-text/)
    assert.match(grep.textOf('JSON of table bundle_transaction'), /"owed"[^]*v1\.[0-9a-f]{8}\./)
    assert.match(grep.textOf('output'), /"label":"gone"/)
  })
})
