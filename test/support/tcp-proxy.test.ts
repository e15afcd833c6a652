import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import pg from 'pg'
import { statement } from './postgres-protocol.ts'
import { startPostgres, type Postgres } from './postgres.ts'
import { startPostgresProxy, startTextProxy } from './tcp-proxy.ts'

describe('in front of PostgreSQL', () => {
  let postgres: Postgres
  let url: string
  let proxy: Awaited<ReturnType<typeof startPostgresProxy>>
  let direct: pg.Client
  let client: pg.Client
  before(async () => {
    postgres = await startPostgres()
    url = await postgres.newDatabase()
    direct = new pg.Client(url)
    await direct.connect()
    await direct.query('create table job (id int primary key, state text, bytes bytea)')
  })
  after(async () => {
    await direct.end()
    await postgres.stop()
  })
  beforeEach(async () => {
    await direct.query("truncate job; insert into job values (1, 'began')")
    proxy = await startPostgresProxy(url)
    client = await connected()
  })
  afterEach(async () => {
    await client.end()
    await proxy.stop()
  })

  async function connected(): Promise<pg.Client> {
    const made = new pg.Client(proxy.url)
    // A connection that is cut says so here too; what a test looks at is its statement.
    made.on('error', () => undefined)
    await made.connect()
    return made
  }
  const write = (state: string, by = client): Promise<pg.QueryResult> => by.query('update job set state = $1 where id = $2', [state, 1])
  const stateNow = async (): Promise<unknown> => (await direct.query<{ state: string }>('select state from job')).rows[0]?.state
  const committing = statement(/^update job/, 'committed')
  const lost = /Connection terminated|ECONNRESET/

  test('sees statements with their parameters, prepared ones too, however they are cut into packets', async () => {
    const large = Buffer.alloc(300_000, 7)
    await client.query({ name: 'set bytes', text: 'update job set bytes = $1, state = $2', values: [large, null] })
    await client.query({ name: 'set bytes', text: 'update job set bytes = $1, state = $2', values: [large, 'twice'] })
    await client.query('select 1; select 2')
    assert.deepEqual(proxy.messages, [
      { sql: 'update job set bytes = $1, state = $2', parameters: [large, null] },
      { sql: 'update job set bytes = $1, state = $2', parameters: [large, 'twice'] },
      { sql: 'select 1; select 2', parameters: [] },
    ])
    const { rows } = await client.query<{ same: boolean }>('select bytes = $1 as same from job', [large])
    assert.deepEqual(rows, [{ same: true }])
  })

  test('cuts before the statement that is meant, and the server never hears of it', async () => {
    const cut = proxy.cutBefore(committing)
    await write('attested')
    await assert.rejects(write('committed'), lost)
    assert.deepEqual((await cut).parameters, ['committed', '1'])
    assert.equal(await stateNow(), 'attested')
    await write('committed', client = await connected())
    assert.equal(await stateNow(), 'committed')
  })

  test('cuts after it took effect, and nobody hears of that', async () => {
    const cut = proxy.cutAfter(committing)
    await assert.rejects(write('committed'), lost)
    await cut
    assert.equal(await stateNow(), 'committed')
  })

  test('of a transaction, what is cut after an UPDATE is undone, what is cut after its COMMIT stays', async () => {
    for (const [match, left] of [[committing, 'began'], [statement(/^commit$/i), 'committed']] as const) {
      const cut = proxy.cutAfter(match)
      await client.query('begin')
      await assert.rejects(write('committed').then(() => client.query('commit')), lost)
      await cut
      // Waits for the lock of the transaction that was cut off.
      await direct.query('select 1 from job for update')
      assert.equal(await stateNow(), left)
      client = await connected()
    }
  })

  test('holds a statement, and other connections go on', async () => {
    const holding = proxy.holdBefore(committing)
    const written = write('committed')
    const held = await holding
    const other = await connected()
    await write('rolling-back', other)
    await other.end()
    assert.equal(await stateNow(), 'rolling-back')
    held.release()
    assert.equal((await written).rowCount, 1)
    assert.equal(await stateNow(), 'committed')
  })

  test('a held statement lands late, when its client has given up long ago', async () => {
    await direct.query('listen landed')
    const landed = once(direct, 'notification')
    const holding = proxy.holdBefore(statement(/'late'/))
    const written = assert.rejects(client.query("update job set state = 'late'; notify landed"), lost)
    const held = await holding
    held.desert()
    await written
    assert.equal(proxy.cutAll(), 0)
    assert.equal(await stateNow(), 'began')
    held.release()
    await Promise.all([landed, held.answered])
    assert.equal(await stateNow(), 'late')
  })

  test('holds an answer: the statement took effect and its client does not know yet', async () => {
    const holding = proxy.holdAfter(committing)
    const written = write('committed')
    const held = await holding
    assert.equal(await stateNow(), 'committed')
    held.release()
    assert.equal((await written).rowCount, 1)
    const cutting = proxy.holdAfter(committing)
    const unheard = assert.rejects(write('committed'), lost)
    ;(await cutting).cut()
    await unheard
  })

  test('cuts everything, refuses, and takes connections again at the same port', async () => {
    const asked = proxy.seen(statement(/pg_sleep/))
    const sleeping = assert.rejects(client.query('select pg_sleep(60)'), lost)
    await asked
    proxy.refuse()
    await assert.rejects(connected(), { code: 'ECONNREFUSED' })
    assert.equal(proxy.cutAll(), 1)
    await sleeping
    await proxy.accept()
    client = await connected()
    await write('attested')
    assert.equal(await stateNow(), 'attested')
  })

  test('frozen, it lets nothing through and tells nobody; thawed, everything arrives', async () => {
    proxy.freeze()
    const written = write('attested')
    const connecting = connected()
    const said = proxy.seen(statement(/^update/))
    await said
    assert.equal(await stateNow(), 'began')
    proxy.thaw()
    assert.equal((await written).rowCount, 1)
    await (await connecting).end()
  })
})

describe('in front of an HTTP server', () => {
  let server: Server
  const served: string[] = []
  before(async () => {
    server = createServer((request, response) => {
      served.push(request.url ?? '')
      response.end(request.url)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  after(() => { server.close() })

  test('cuts a request before it arrives, an answer after it was given, and passes on the rest', async () => {
    const proxy = await startTextProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const body = 'x'.repeat(100_000)
    const ask = async (path: string): Promise<string> => (await fetch(`${proxy.url}${path}`, { method: 'POST', body })).text()
    const before = proxy.cutBefore((text) => text.startsWith('POST /before'))
    const after = proxy.cutAfter((text) => text.startsWith('POST /after'))
    assert.equal(await ask('/plain'), '/plain')
    await assert.rejects(ask('/before'), TypeError)
    await assert.rejects(ask('/after'), TypeError)
    await Promise.all([before, after])
    assert.deepEqual(served, ['/plain', '/after'])
    await proxy.stop()
    await assert.rejects(ask('/stopped'), TypeError)
  })

  test('a target that is down looks like a connection that breaks', async () => {
    const proxy = await startTextProxy('http://127.0.0.1:1')
    await assert.rejects(fetch(proxy.url), TypeError)
    await proxy.stop()
  })
})
