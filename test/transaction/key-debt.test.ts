import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, beforeEach, describe, mock, test, type TestContext } from 'node:test'
import { readSettings } from '../../src/config.ts'
import { ProblemError } from '../../src/errors.ts'
import type { Journal, Reopened } from '../../src/journal/journal.ts'
import { openJournal } from '../../src/journal/open-journal.ts'
import { startSimulator, type Simulator } from '../../src/simulator/simulator.ts'
import { openEntry, type Entry } from '../../src/transaction/entry.ts'
import { openKeyDebt, type KeyDebt } from '../../src/transaction/key-debt.ts'
import type { CreateKeyBody } from '../../src/tsb/create-key.ts'
import { openTsb, type Tsb } from '../../src/tsb/tsb.ts'
import { journalFor } from '../support/journal-url.ts'
import { sharedPki } from '../support/service.ts'

const LEASE_MS = 15_000
/** How old a look may be that a delete relies on without a row. */
const FRESH_MS = 2_000

let simulator: Simulator
let tsb: Tsb
let label: string
let count = 0
before(async () => {
  simulator = await startSimulator({ pki: await sharedPki() })
  tsb = openTsb(readSettings({ AUTH_MODE: 'none', TSB_URL: simulator.url }).tsb, 2)
})
after(async () => {
  await tsb.close()
  await simulator.close()
})
beforeEach(() => {
  label = `debt-${count += 1}`
  simulator.requests.length = 0
})
const has = (): boolean => simulator.labels().includes(label)
const sent = (call: string): number => simulator.requests.filter((request) => request.call === call).length

/** Stands still, as under SIGSTOP: the monotonic clock goes on. */
const standStill = (ms: number): void => { stoodStill += ms }
const monotonic = performance.now.bind(performance)
let stoodStill = 0
before(() => { mock.method(performance, 'now', () => monotonic() + stoodStill) })
after(() => { mock.restoreAll() })

interface Stage {
  readonly debt: KeyDebt
  readonly entry: Entry
  readonly body: CreateKeyBody
  /** What the debt wanted to be made owed again. */
  readonly reopened: Omit<Reopened, 'secret'>[]
  /** What happens to each write before its answer is heard. */
  hear(how: () => void): void
  /** Another process takes the row over. */
  takeOver(): Promise<void>
  /** Makes the key as the transaction does. */
  create(): Promise<void>
}

async function stage(t: TestContext, own: { labelIsOurs?: boolean; noted?: boolean; tsb?: Partial<Tsb>; reopen?: 'owed' | 'abandoned' } = {}): Promise<Stage> {
  let time = Date.now()
  const journal = await openJournal({ url: journalFor(t), tsb: 'here', leaseMs: LEASE_MS, retentionMs: 1, now: () => time })
  t.after(() => journal.close())
  let heard = (): void => {}
  const watched: Journal = {
    ...journal,
    async write(claim, change) {
      const next = await journal.write(claim, change)
      heard()
      return next
    },
  }
  const { labelIsOurs = false, noted = false } = own
  const begun = await journal.begin({ id: randomUUID(), caller: 'somebody', label, labelIsOurs, createdAt: new Date(time), createBody: {} })
  assert.equal(begun.state, 'begun')
  const entry = openEntry(watched, begun.claim, performance.now())
  const body: CreateKeyBody = {
    label, algorithm: 'EC', curveOid: '1.2.840.10045.3.1.7',
    attributes: {
      sign: true, extractable: false, sensitive: true, copyable: false, modifiable: false, destroyable: true,
      decrypt: false, unwrap: false, derive: false,
    },
  }
  const reopened: Omit<Reopened, 'secret'>[] = []
  const debt = openKeyDebt({
    tsb: { ...tsb, ...own.tsb }, entry, key: { label }, body, labelIsOurs, settleAfterMs: 60_000, leaseMs: LEASE_MS, now: () => performance.now(), noted,
    async reopen(what) { reopened.push(what); return own.reopen ?? 'owed' },
  })
  return {
    debt, entry, body, reopened,
    hear: (how) => { heard = how },
    async takeOver() {
      time += LEASE_MS
      assert.equal((await journal.takeOver(1, [])).length, 1)
    },
    async create() {
      const { publicKey } = await tsb.createKey(body, await debt.createLeaves())
      await debt.created(publicKey)
    },
  }
}

const away = (): never => { throw new ProblemError('journal-unavailable', 'away') }
const nothingSent = { code: 'journal-unavailable', effect: 'none' }

describe('a row that says from the start that create-key leaves', () => {
  test('is not written again where it is fresh', async (t) => {
    const { debt, hear } = await stage(t, { labelIsOurs: true, noted: true })
    hear(() => assert.fail('a write'))
    await debt.createLeaves()
  })

  test('is written again where half a second went by: it would say a wrong time, and may be another process\'s', async (t) => {
    const { debt, takeOver } = await stage(t, { labelIsOurs: true, noted: true })
    await takeOver()
    standStill(500)
    await assert.rejects(debt.createLeaves(), nothingSent)
  })
})

describe('create-key does not leave', () => {
  test('where another process has the row', async (t) => {
    const { debt, takeOver } = await stage(t)
    await takeOver()
    await assert.rejects(debt.createLeaves(), nothingSent)
  })
  for (const before of ['it heard that the row is its own', 'a connection stood'] as const) {
    test(`where the process stood still for a lease before ${before}`, async (t) => {
      const { debt, body, hear } = await stage(t)
      if (before === 'it heard that the row is its own') hear(() => { standStill(LEASE_MS) })
      const leaves = await debt.createLeaves()
      if (before === 'a connection stood') standStill(LEASE_MS)
      await assert.rejects(tsb.createKey(body, leaves), nothingSent)
      assert.deepEqual([sent('create-key'), has()], [0, false])
    })
  }
})

describe('the undo of a transaction', () => {
  test('deletes without the journal for as long as nobody else can have the row', async (t) => {
    const { debt, create, hear } = await stage(t)
    await create()
    hear(away)
    assert.deepEqual([await debt.undo(), has()], ['done', false])
  })
  test('deletes nothing without the journal once a lease is over', async (t) => {
    const { debt, create, hear } = await stage(t)
    await create()
    hear(away)
    standStill(LEASE_MS)
    assert.deepEqual([await debt.undo(), has(), sent('delete-key')], ['pending', true, 0])
  })
  test('deletes nothing where the process stood still for a lease before it heard that the row is its own', async (t) => {
    const { debt, create, hear } = await stage(t)
    await create()
    hear(() => { standStill(LEASE_MS) })
    assert.deepEqual([await debt.undo(), has(), sent('delete-key')], ['pending', true, 0])
  })
  test('deletes nothing where the process stood still for a lease after that, before a connection stood', async (t) => {
    const { debt, create } = await stage(t, {
      tsb: {
        deleteKey: (key, leaves, signal) => tsb.deleteKey(key, async () => {
          const last = await leaves()
          standStill(LEASE_MS)
          return last
        }, signal),
      },
    })
    await create()
    assert.deepEqual([await debt.undo(), has(), sent('delete-key')], ['pending', true, 0])
  })
  test('touches nothing that was left to the recovery', async (t) => {
    const { debt, create } = await stage(t)
    await create()
    debt.leaveToRecovery()
    assert.deepEqual([await debt.undo(), debt.ending(), has(), sent('key-attributes')], ['pending', undefined, true, 0])
  })
  test('sends no delete under a label of its own where it learns only then that another process has the row', async (t) => {
    const { debt, create, takeOver } = await stage(t, { labelIsOurs: true })
    await create()
    await takeOver()
    await tsb.deleteKey({ label }, async () => () => undefined)
    assert.deepEqual([await debt.undo(), sent('delete-key')], ['pending', 1])
  })
  test('does not call a key impossible to delete that is there because somebody else has the label by now', async (t) => {
    const { debt, create, takeOver } = await stage(t)
    await create()
    await takeOver()
    await tsb.deleteKey({ label }, async () => () => undefined)
    await simulator.addKey({ label })
    assert.deepEqual([await debt.undo(), debt.ending(), has()], ['done', undefined, true])
  })
})

describe('the undo of a transaction that another process took over', () => {
  async function lostStage(t: TestContext, own: Parameters<typeof stage>[1] = {}): Promise<Stage> {
    const made = await stage(t, own)
    await made.create()
    await made.takeOver()
    await assert.rejects(made.entry.write({}), { name: 'RowLost' })
    return made
  }
  for (const labelIsOurs of [false, true]) {
    const whose = labelIsOurs ? 'its own' : 'the caller'
    test(`deletes the key that create-key answered, under a label of ${whose}`, async (t) => {
      const { debt, reopened } = await lostStage(t, { labelIsOurs })
      assert.deepEqual([await debt.undo(), has(), reopened], ['done', false, []])
    })
    test(`sends no delete on the chance where no key is there any more, under a label of ${whose}`, async (t) => {
      const { debt, reopened } = await lostStage(t, { labelIsOurs })
      const publicKey = simulator.publicKey(label).export({ type: 'spki', format: 'der' })
      await tsb.deleteKey({ label }, async () => () => undefined)
      assert.deepEqual([await debt.undo(), sent('delete-key')], ['pending', 1])
      assert.deepEqual(reopened.map((what) => what.publicKey), [publicKey])
    })
  }
  test('sends no delete on the strength of an old look, and makes the row owed again', async (t) => {
    let others = 0
    const { debt, reopened } = await lostStage(t, {
      tsb: {
        async keyAttributes(key, signal) {
          const found = await tsb.keyAttributes(key, signal)
          standStill(FRESH_MS)
          // Meanwhile the other process deletes the key, and the label is free for everybody.
          await tsb.deleteKey(key, async () => () => undefined)
          others += 1
          return found
        },
      },
    })
    assert.deepEqual([await debt.undo(), sent('delete-key') - others, reopened.length], ['pending', 0, 1])
  })
  for (const [reopen, rollback] of [['owed', 'pending'], ['abandoned', 'impossible']] as const) {
    test(`makes the row owed again where create-key's answer was not read: ${reopen}`, async (t) => {
      const { debt, body, entry, reopened, takeOver } = await stage(t, { reopen })
      await tsb.createKey(body, await debt.createLeaves())
      await takeOver()
      await assert.rejects(entry.write({}), { name: 'RowLost' })
      assert.deepEqual([await debt.undo(), has(), reopened.length, debt.ending()], [rollback, true, 1, undefined])
    })
  }
})
