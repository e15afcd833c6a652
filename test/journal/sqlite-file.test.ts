import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { sql } from 'kysely'
import type { EngineLimits } from '../../src/journal/engine.ts'
import type { Journal, JournalOptions } from '../../src/journal/journal.ts'
import { JournalInUse, openJournal } from '../../src/journal/open-journal.ts'
import type { JournalDatabase } from '../../src/journal/schema.ts'
import { openSqlite } from '../../src/journal/sqlite.ts'
import { begun, begunIn, BUNDLE, LEASE_MS, RETENTION_MS, row, TSB, written } from './bench.ts'

const PROCESS = fileURLToPath(new URL('./sqlite-process.ts', import.meta.url))

let folder: string
let path: string
const opened: Journal[] = []
const children: ChildProcess[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'journal-'))
  path = join(folder, 'data', 'journal.sqlite')
})
afterEach(async () => {
  for (const child of children.splice(0)) await kill(child)
  for (const journal of opened.splice(0)) await journal.close()
  rmSync(folder, { recursive: true, force: true })
})

async function open(more: Partial<JournalOptions & EngineLimits> = {}): Promise<Journal> {
  const journal = await openJournal({ url: `file:${path}`, tsb: TSB, leaseMs: LEASE_MS, retentionMs: RETENTION_MS, answerMs: 50, ...more })
  opened.push(journal)
  return journal
}
/** @returns a running process of the service, and the lines that it says */
function start(what: 'hold' | 'write') {
  const child = spawn(process.execPath, [PROCESS, `file:${path}`, what], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
}
async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}
const refuses = (detail: string, more: Partial<JournalOptions & EngineLimits> = {}): Promise<void> =>
  assert.rejects(open(more), { code: 'journal-unavailable', detail })

test('transactions that write at the same time share a commit', async (t) => {
  const journal = await open()
  const executed = t.mock.method(DatabaseSync.prototype, 'exec').mock
  const claims = await Promise.all(Array.from({ length: 20 }, () => begun(journal, row())))
  await Promise.all(claims.map((claim) => written(journal, claim, { state: 'key-created' })))
  assert.equal(executed.calls.filter(({ arguments: [statement] }) => statement === 'commit').length, 2)
})

test('a write that nobody waits for is in the journal that is closed behind it', async () => {
  const journal = await open()
  const { id } = await begunIn(journal, 'committed')
  const steps = [{ name: 'commit', durationMs: 3 }]
  void journal.noteSteps(id, steps)
  // It is with the database by then, and no turn of the event loop has gone by.
  await new Promise((resolve) => { process.nextTick(resolve) })
  await journal.close()
  assert.deepEqual((await (await open()).findAny(id))?.steps, steps)
})

describe('one process of the service per file', () => {
  test('a second one is told so while the first one lives, and may start once that was killed', async () => {
    const { child, lines } = start('hold')
    const { value: id } = await lines.next() as { value: string }
    await assert.rejects(open(), (error) => error instanceof JournalInUse && !error.message.includes(folder))
    await kill(child)
    const journal = await open()
    assert.deepEqual([(await journal.findAny(id))?.state, await journal.countInherited()], ['began', 1])
    await assert.rejects(open(), JournalInUse)
  })
  test('a command works beside it', async () => {
    const { lines } = start('hold')
    const { value: id } = await lines.next() as { value: string }
    const command = await open({ exclusive: false, answerMs: 5_000 })
    assert.equal(await command.takeOne(id), 'held')
    const claim = await begunIn(command, 'abandoned')
    assert.equal(await command.writeOff(claim.id, 'gone'), true)
  })
  test('the lock goes with the journal that is closed', async () => {
    await (await open()).close()
    await open()
  })
})

describe('a process that is killed while it writes', () => {
  test('leaves a sound file with everything that it was told is durable', async () => {
    const { child, lines } = start('write')
    const told: string[] = []
    while (told.length < 20) told.push((await lines.next() as { value: string }).value)
    child.kill('SIGKILL')
    for (let next = await lines.next(); next.done !== true; next = await lines.next()) told.push(next.value as string)
    const journal = await open()
    const [, ...committed] = told
    for (const id of committed) assert.deepEqual((await journal.findAny(id))?.bundle, BUNDLE)
    const database = new DatabaseSync(path)
    assert.deepEqual({ ...database.prepare('pragma integrity_check').get() }, { integrity_check: 'ok' })
    database.close()
  })
})

describe('the file', () => {
  test('and its folder are made for this user alone, with all that SQLite puts beside it', async () => {
    const journal = await open()
    await begun(journal, row({ secret: 'sealed' }))
    const names = readdirSync(join(folder, 'data')).sort()
    assert.deepEqual(names, ['journal.sqlite', 'journal.sqlite-lock', 'journal.sqlite-shm', 'journal.sqlite-wal'])
    assert.deepEqual(names.map((name) => (statSync(join(folder, 'data', name)).mode & 0o777).toString(8)), ['600', '600', '600', '600'])
    assert.equal((statSync(join(folder, 'data')).mode & 0o777).toString(8), '700')
  })
  test('may be named as a path, as a relative one, and as a URL', async () => {
    path = join(folder, 'a b.sqlite')
    const { id } = await begun(await open(), row())
    for (const url of [`file:${relative(process.cwd(), path)}`, pathToFileURL(path).href]) {
      assert.equal((await (await open({ url, exclusive: false })).findAny(id))?.state, 'began')
    }
  })
  test('is never one in memory, whatever it is called', async () => {
    const cwd = process.cwd()
    process.chdir(folder)
    try {
      await (await open({ url: 'file::memory:' })).close()
    } finally {
      process.chdir(cwd)
    }
    assert.ok(readdirSync(folder).includes(':memory:'))
  })
  test('in a folder that cannot be made is refused', async () => {
    writeFileSync(join(folder, 'data'), '')
    await refuses('the journal\'s folder cannot be made or written')
  })
  test('on another host is refused', async () => {
    await refuses('the journal\'s file cannot be opened', { url: 'file://host/journal.sqlite' })
  })
  test('of something else is refused, and left as it is', async () => {
    mkdirSync(join(folder, 'data'))
    const text = 'not a database, but somebody\'s own text. '.repeat(200)
    writeFileSync(path, text)
    await refuses('the journal\'s file is no SQLite database, or a damaged one')
    assert.equal(readFileSync(path, 'utf8'), text)
    // Nothing is held after a failed start.
    rmSync(path)
    await open()
  })
  test('that is damaged is refused, or fails what touches the damage', async () => {
    const journal = await open()
    for (let i = 0; i < 20; i += 1) await begunIn(journal, 'committed', { label: `label-${i}` })
    await journal.close()
    const bytes = readFileSync(path)
    for (let at = 4096; at < bytes.length; at += 1) bytes[at] = 0xa5
    writeFileSync(path, bytes)
    await assert.rejects(async () => (await open()).listAll({ open: false, limit: 100 }), { code: 'journal-unavailable' })
  })
})

test('a clock that is set back while the process works takes no row from it', async () => {
  let time = Date.now()
  const journal = await open({ now: () => time })
  const claim = await begun(journal, row())
  // Also what a statement sees that was built before the row's own and runs after it.
  time -= 1
  assert.deepEqual(await journal.takeOver(10, []), [])
  await written(journal, claim, { state: 'key-created' })
})

describe('a file that another process holds', () => {
  test('fails writes and the heartbeat in their time, not reads; and works again', async () => {
    const journal = await open()
    const claim = await begun(journal, row())
    const other = new DatabaseSync(path)
    other.exec('begin immediate')
    const unavailable = { code: 'journal-unavailable', detail: 'the journal cannot be read or written' }
    await assert.rejects(journal.write(claim, { state: 'key-created' }), unavailable)
    await assert.rejects(journal.beat([]), unavailable)
    await assert.rejects(journal.begin(row()), unavailable)
    assert.deepEqual(await journal.readAnew(claim.id), claim)
    await refuses('another process holds the journal\'s file', { exclusive: false })
    other.exec('rollback')
    other.close()
    await written(journal, claim, { state: 'key-created' })
  })
})

test('every connection waits until its commits are on disk, whatever SQLite is built with', async () => {
  const engine = await openSqlite({ url: `file:${path}`, tsb: TSB, leaseMs: LEASE_MS, retentionMs: RETENTION_MS })
  const pragmas = async (db: JournalDatabase): Promise<unknown[]> => {
    const { rows: [mode] } = await sql<{ journal_mode: string }>`pragma journal_mode`.execute(db)
    const { rows: [level] } = await sql<{ synchronous: number }>`pragma synchronous`.execute(db)
    return [mode?.journal_mode, level?.synchronous]
  }
  // 2 is FULL: with less, a power failure takes back what a WAL has acknowledged (sqlite.org/pragma.html#pragma_synchronous).
  assert.deepEqual([await pragmas(engine.db), await engine.anew(pragmas)], [['wal', 2], ['wal', 2]])
  await engine.close()
})
