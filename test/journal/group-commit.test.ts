import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, test } from 'node:test'
import { openGroupCommit, type GroupCommit } from '../../src/journal/group-commit.ts'

let folder: string
let database: DatabaseSync
/** Sees what is committed, and nothing else. */
let other: DatabaseSync
let commits: GroupCommit
let committed: number
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'group-commit-'))
  const path = join(folder, 'journal.sqlite')
  database = new DatabaseSync(path, { timeout: 0 })
  database.exec(`pragma journal_mode = wal; pragma synchronous = full; create table written (id integer primary key, bytes blob);
    create table child (of integer references written (id) deferrable initially deferred)`)
  other = new DatabaseSync(path, { timeout: 0 })
  committed = 0
  const exec = database.exec.bind(database)
  database.exec = (sql) => {
    exec(sql)
    if (sql === 'commit') committed += 1
  }
  commits = openGroupCommit(database, { isBusy: (error) => (error as { errcode?: number }).errcode === 5, busyMs: 200 })
})
afterEach(() => {
  other.close()
  database.close()
  rmSync(folder, { recursive: true, force: true })
})

const insert = (id: number, bytes = 0): Promise<unknown> => commits.write(() => database.prepare('insert into written values (?, zeroblob(?))').run(id, bytes))
const idsIn = (connection: DatabaseSync): unknown[] => connection.prepare('select id from written order by id').all().map((row) => row['id'])
const seen = (): unknown[] => idsIn(other)

test('writes that come together share one commit, and each is durable when it is answered', async () => {
  const answered = await Promise.all([1, 2, 3, 4].map(async (id) => {
    await insert(id)
    return seen()
  }))
  assert.deepEqual(answered, [1, 2, 3, 4].map(() => [1, 2, 3, 4]))
  assert.equal(committed, 1)
})

test('a write that waited for an answer goes into a later commit', async () => {
  for (const id of [1, 2, 3]) await insert(id)
  assert.deepEqual([seen(), committed], [[1, 2, 3], 3])
})

test('what is not committed yet is not read', async () => {
  const write = insert(1)
  assert.deepEqual(await commits.read(() => idsIn(database)), [])
  assert.equal(committed, 0)
  await write
  assert.deepEqual(await commits.read(() => idsIn(database)), [1])
})

test('a write that is refused changes nothing, and the others of its commit stand', async () => {
  const results = await Promise.allSettled([insert(1), insert(1), insert(2)])
  assert.deepEqual(results.map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled'])
  assert.deepEqual(seen(), [1, 2])
})

test('a commit that fails is told to all who wait for it, and the next one works', async () => {
  database.exec('pragma foreign_keys = on')
  const orphan = commits.write(() => database.prepare('insert into child values (9)').run())
  const results = await Promise.allSettled([insert(1), orphan])
  assert.deepEqual(results.map(({ status }) => status), ['rejected', 'rejected'])
  assert.match(String((results[0] as PromiseRejectedResult).reason), /FOREIGN KEY/)
  assert.deepEqual(seen(), [])
  await insert(2)
  assert.deepEqual(seen(), [2])
})

test('with a full disk what was answered is there, and what was refused is not', async () => {
  database.exec(`pragma max_page_count = ${Number(database.prepare('pragma page_count').get()?.['page_count']) + 4}`)
  const ids = [1, 2, 3]
  const results = await Promise.allSettled([insert(1), insert(2, 1_000_000), insert(3)])
  assert.equal(results[1]?.status, 'rejected')
  assert.deepEqual(seen(), ids.filter((_, i) => results[i]?.status === 'fulfilled'))
  database.exec('pragma max_page_count = 100000')
  await insert(4)
  assert.ok(seen().includes(4))
})

test('a file that another one holds is waited for without holding this thread, and not for ever', async (t) => {
  other.exec('begin immediate')
  let turns = 0
  const turn = setInterval(() => { turns += 1 }, 1)
  t.after(() => { clearInterval(turn) })
  await assert.rejects(insert(1), { errcode: 5 })
  assert.ok(turns > 5, `${turns} turns`)
  const waiting = Promise.all([insert(2), insert(3)])
  setTimeout(() => { other.exec('rollback') }, 20)
  await waiting
  assert.deepEqual([seen(), committed], [[2, 3], 1])
})

test('what is open is committed when it is flushed', async () => {
  const write = insert(1)
  commits.flush()
  assert.deepEqual(seen(), [1])
  await write
})
