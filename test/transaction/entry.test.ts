import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Change, Claim, Journal } from '../../src/journal/journal.ts'
import { openJournal } from '../../src/journal/open-journal.ts'
import { commit, CommitUnknown } from '../../src/transaction/commit.ts'
import { AlreadyCommitted, openEntry, RowLost, type Entry } from '../../src/transaction/entry.ts'
import { journalFor } from '../support/journal-url.ts'

const LEASE_MS = 1_000
const BUNDLE = { fileName: 'a.zip', sha256: 'x', size: 1, bytes: Buffer.of(7) }

interface Stage {
  readonly entry: Entry
  readonly journal: Journal
  readonly file: string
  /** From now on writes take effect, and nobody hears of it. */
  unheard(): void
  /** From now on writes are kept back, and their callers are told that they failed; `land` lets them take effect. */
  late(): { land(): Promise<void> }
  heard(): void
  /** From now on writes stand still until they are let go. */
  held(): { release(): void }
  /** Lets the lease run out, and another process take the row. */
  takeOver(): Promise<Claim>
  /** The row as it stands, from outside. */
  stands(): Promise<string | undefined>
}

/** A transaction over a real journal, whose answers can be lost. */
async function stage(t: TestContext, ...states: ('key-created' | 'csr-generated' | 'attested')[]): Promise<Stage> {
  let time = Date.now()
  const url = journalFor(t)
  const journal = await openJournal({ url, tsb: 'here', leaseMs: LEASE_MS, retentionMs: 1, now: () => time, answerMs: 20 })
  t.after(() => journal.close())
  let mode: 'heard' | 'unheard' | 'late' = 'heard'
  let gate = Promise.resolve()
  const kept: (() => Promise<unknown>)[] = []
  const lossy: Journal = {
    ...journal,
    async write(claim, change) {
      await gate
      if (mode === 'late') kept.push(() => journal.write(claim, change))
      const after = mode === 'late' ? undefined : await journal.write(claim, change)
      if (mode !== 'heard') throw new Error('no answer')
      return after
    },
  }
  const id = randomUUID()
  const begun = await journal.begin({ id, caller: 'somebody', label: 'x', labelIsOurs: false, createdAt: new Date(time), createBody: {} })
  assert.equal(begun.state, 'begun')
  const entry = openEntry(lossy, begun.claim, performance.now(), 0)
  for (const state of states) await entry.write({ state })
  return {
    entry, journal, file: url.slice('file:'.length),
    unheard: () => { mode = 'unheard' },
    late() {
      mode = 'late'
      return { async land() { for (const write of kept.splice(0)) await write() } }
    },
    heard: () => { mode = 'heard' },
    held() {
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = promise
      return { release: resolve }
    },
    async takeOver() {
      time += LEASE_MS
      const [claim] = await journal.takeOver(1, [])
      return claim!
    },
    stands: async () => (await journal.readAnew(id))?.state,
  }
}

const attested = ['key-created', 'csr-generated', 'attested'] as const
const committed: Change = { state: 'committed', bundle: BUNDLE }

test('a row that another process took over is lost: nothing more is written, whatever is tried', async (t) => {
  const { entry, journal, takeOver, stands } = await stage(t, 'key-created')
  const claim = await takeOver()
  await assert.rejects(entry.write({ state: 'csr-generated' }), RowLost)
  assert.equal(entry.lost(), true)
  await journal.write(claim, { state: 'rolled-back' })
  for (const state of ['csr-generated', 'rolled-back'] as const) await assert.rejects(entry.write({ state }), RowLost)
  assert.equal(await stands(), 'rolled-back')
})

test('a write that took effect unheard is found when the next one is refused, which then follows it', async (t) => {
  const { entry, unheard, heard, stands } = await stage(t, 'key-created')
  unheard()
  await assert.rejects(entry.write({ state: 'csr-generated' }), /no answer/)
  assert.equal(entry.state(), 'key-created')
  heard()
  await entry.write({ state: 'rolling-back' })
  assert.deepEqual([entry.state(), entry.lost(), await stands()], ['rolling-back', false, 'rolling-back'])
})

test('an end that took effect unheard is no fault when it is written again', async (t) => {
  for (const state of ['rolled-back', 'abandoned'] as const) {
    const { entry, unheard, heard, stands } = await stage(t)
    unheard()
    await assert.rejects(entry.write({ state }), /no answer/)
    heard()
    await entry.write({ state })
    assert.deepEqual([entry.lost(), await stands()], [false, state])
  }
})

test('a row that was given away unheard is not held on to', async (t) => {
  const { entry, unheard, heard, takeOver } = await stage(t, 'key-created')
  const settling = { tries: 0, refusedMs: 0, refused: false, absentBefore: false, reason: 'later' }
  const owed: Change = { state: 'rollback-owed', releaseForMs: 500, settling }
  unheard()
  await assert.rejects(entry.write(owed), /no answer/)
  heard()
  await assert.rejects(entry.write(owed), RowLost)
  assert.equal((await takeOver()).id, entry.id)
})

test('after an unanswered write, a takeover is told from a late landing', async (t) => {
  const { entry, late, heard, takeOver, stands } = await stage(t, 'key-created')
  const writes = late()
  await assert.rejects(entry.write({ state: 'csr-generated' }), /no answer/)
  heard()
  await takeOver()
  await assert.rejects(entry.write({ state: 'rolling-back' }), RowLost)
  await writes.land()
  assert.equal(await stands(), 'rolling-back')
})

test('what no flow may write is a fault of the code, and changes nothing', async (t) => {
  const { entry, stands } = await stage(t)
  await assert.rejects(entry.write(committed), /does not become committed/)
  await entry.write({ state: 'key-created' })
  assert.equal(await stands(), 'key-created')
})

test('a commit that took effect unheard is one, and no later write undoes it', async (t) => {
  const { entry, unheard, heard, stands } = await stage(t, ...attested)
  unheard()
  await commit(entry, { bundle: BUNDLE })
  heard()
  await assert.rejects(entry.write({ state: 'rolling-back' }))
  assert.equal(await stands(), 'committed')
})

test('a commit that landed is found by whatever is written next', async (t) => {
  const { entry, unheard, heard, stands } = await stage(t, ...attested)
  unheard()
  await assert.rejects(entry.write(committed), /no answer/)
  heard()
  await assert.rejects(entry.write({ state: 'rolling-back' }), AlreadyCommitted)
  assert.equal(await stands(), 'committed')
})

test('a commit that is lost to a takeover stays lost, and the row is the other one\'s', async (t) => {
  const { entry, takeOver, stands } = await stage(t, ...attested)
  await takeOver()
  await assert.rejects(commit(entry, { bundle: BUNDLE }), RowLost)
  assert.equal(await stands(), 'rolling-back')
})

test('a commit of which nothing is heard any more is unknown, and its late landing is what counts', async (t) => {
  const { entry, late, stands } = await stage(t, ...attested)
  const writes = late()
  await assert.rejects(commit(entry, { bundle: BUNDLE }), CommitUnknown)
  assert.equal(await stands(), 'attested')
  // The commit lands first, then the turn to rolling back, which it leaves nothing to.
  await writes.land()
  assert.equal(await stands(), 'committed')
})

test('a SQLite file that another process holds is a journal that does not answer: unknown, and nothing is changed', async (t) => {
  const { entry, file, stands } = await stage(t, ...attested)
  const other = new DatabaseSync(file)
  other.exec('begin immediate')
  await assert.rejects(commit(entry, { bundle: BUNDLE }), (error) => error instanceof CommitUnknown && error.code === 'journal-unavailable')
  other.exec('rollback')
  other.close()
  assert.equal(await stands(), 'attested')
  await commit(entry, { bundle: BUNDLE })
  assert.equal(await stands(), 'committed')
})

/** Lets a note leave that is not kept back. */
const passed = (): Promise<void> => delay(1)

test('a note is written where its state lasts, goes before the next write, and nobody waits for it', async (t) => {
  const { entry, stands } = await stage(t, 'key-created')
  entry.note('csr-generated')
  await passed()
  await entry.write({})
  assert.deepEqual([entry.state(), await stands()], ['csr-generated', 'csr-generated'])
})

test('a note is not written where the next write comes at once', async (t) => {
  const { entry, stands } = await stage(t, 'key-created')
  entry.note('csr-generated')
  entry.note('attested')
  await entry.write(committed)
  await passed()
  assert.deepEqual([entry.state(), await stands()], ['committed', 'committed'])
})

test('a note that took effect unheard is found by the next write, which then follows it', async (t) => {
  const { entry, unheard, heard, stands } = await stage(t, 'key-created')
  unheard()
  entry.note('csr-generated')
  await passed()
  heard()
  await entry.write(committed)
  assert.equal(await stands(), 'committed')
})

test('a note on a row that another process took loses it', async (t) => {
  const { entry, takeOver, stands } = await stage(t, 'key-created')
  await takeOver()
  entry.note('csr-generated')
  await passed()
  await assert.rejects(entry.write(committed), RowLost)
  assert.deepEqual([entry.lost(), await stands()], [true, 'rolling-back'])
})

test('while a note stands still no second one is sent, and the next write follows the first', async (t) => {
  const { entry, held, stands } = await stage(t, 'key-created')
  const { release } = held()
  entry.note('csr-generated')
  await passed()
  entry.note('attested')
  await passed()
  const writing = entry.write({})
  release()
  await writing
  assert.deepEqual([entry.state(), entry.lost(), await stands()], ['csr-generated', false, 'csr-generated'])
})
