import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { ProblemError } from '../../src/errors.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { openJournal } from '../../src/journal/open-journal.ts'
import { commit, CommitUnknown } from '../../src/transaction/commit.ts'
import { openEntry, type Entry } from '../../src/transaction/entry.ts'
import { statement, type Statement } from '../support/postgres-protocol.ts'
import { startPostgres, type Postgres } from '../support/postgres.ts'
import { REREAD } from '../support/proxied-service.ts'
import { startPostgresProxy, type TcpProxy } from '../support/tcp-proxy.ts'

/** The driver gives up half a second later: no test here breaks a connection. */
const ANSWER_MS = 1_000
const BUNDLE = { fileName: 'a.zip', sha256: 'x', size: 1, bytes: Buffer.of(7) }

let postgres: Postgres
let proxy: TcpProxy<Statement>
let journal: Journal
let direct: Journal
before(async () => {
  postgres = await startPostgres()
  const url = await postgres.newDatabase()
  proxy = await startPostgresProxy(url)
  const settings = { tsb: 'here', leaseMs: 60_000, retentionMs: 60_000 }
  direct = await openJournal({ url, ...settings })
  journal = await openJournal({ url: proxy.url, ...settings, answerMs: ANSWER_MS })
})
after(async () => {
  await journal.close()
  await direct.close()
  await proxy.stop()
  await postgres.stop()
})

interface Attested {
  readonly entry: Entry
  readonly committing: (message: Statement) => boolean
  readonly turning: (message: Statement) => boolean
  readonly reading: (message: Statement) => boolean
  stands(): Promise<string | undefined>
}

/** A transaction that is about to commit. */
async function attested(label: string): Promise<Attested> {
  const id = randomUUID()
  const begun = await journal.begin({ id, caller: 'somebody', label, labelIsOurs: false, createdAt: new Date(), createBody: {} })
  assert.equal(begun.state, 'begun')
  const entry = openEntry(journal, begun.claim, performance.now())
  for (const state of ['key-created', 'csr-generated', 'attested'] as const) await entry.write({ state })
  type Match = (message: Statement) => boolean
  const mine = (match: Match): Match => (message) => match(message) && message.parameters.includes(id)
  return {
    entry,
    committing: mine(statement(/^update "bundle_transaction"/, 'committed')),
    turning: mine(statement(/^update "bundle_transaction"/, 'rolling-back')),
    reading: mine(REREAD),
    stands: async () => (await direct.readAnew(id))?.state,
  }
}

describe('a commit that goes unanswered for longer than a statement may', { concurrency: true }, () => {
  test('is turned back where it did not arrive, and changes nothing when it lands after that', async () => {
    const { entry, committing, stands } = await attested('never')
    const holding = proxy.holdBefore(committing)
    await assert.rejects(commit(entry, { bundle: BUNDLE }), (error) => error instanceof ProblemError && !(error instanceof CommitUnknown))
    assert.equal(await stands(), 'rolling-back')
    const held = await holding
    held.release()
    await held.answered
    assert.equal(await stands(), 'rolling-back')
  })

  test('is a commit where it took effect, and only its answer did not come', async () => {
    const { entry, committing, stands } = await attested('unheard')
    const holding = proxy.holdAfter(committing)
    await commit(entry, { bundle: BUNDLE })
    await holding
    assert.equal(await stands(), 'committed')
  })

  test('is a commit where it lands between the look at the row and the turn to rolling back', async () => {
    const { entry, committing, turning, stands } = await attested('between')
    const [commitHeld, turnHeld] = [proxy.holdBefore(committing), proxy.holdBefore(turning)]
    const done = commit(entry, { bundle: BUNDLE })
    const [late, turn] = [await commitHeld, await turnHeld]
    late.release()
    await late.answered
    turn.release()
    await done
    assert.equal(await stands(), 'committed')
  })

  test('is unknown where the row cannot be read in time either', async () => {
    const { entry, committing, reading, stands } = await attested('unknown')
    const holding = proxy.holdBefore(committing)
    const held = proxy.holdBefore(reading)
    await assert.rejects(commit(entry, { bundle: BUNDLE }), CommitUnknown)
    await held
    assert.equal(await stands(), 'attested')
    const late = await holding
    late.release()
    await late.answered
    assert.equal(await stands(), 'committed')
  })
})
