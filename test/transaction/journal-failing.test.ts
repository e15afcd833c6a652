import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import type { ProblemCode } from '../../src/errors.ts'
import { problemIn } from '../support/problem.ts'
import { startProxiedService, writeOf, type ProxiedService } from '../support/proxied-service.ts'
import { order, type LogLine } from '../support/service.ts'
import { REQUESTS } from './requests.ts'
import { statement, type Statement } from '../support/postgres-protocol.ts'

let at: ProxiedService
before(async () => { at = await startProxiedService() })
after(() => at.stop())
afterEach(() => { at.service.simulator.faults.clear() })

const INSERT = statement(/^insert into "bundle_transaction"/)
const CREATE_LEAVES = statement(/^update "bundle_transaction" set "sent_at"/)
const has = (label: string): boolean => at.service.simulator.labels().includes(label)
const stateOf = async (label: string): Promise<string[]> => (await at.journal.rows(label)).map(({ state }) => state)
const warned = (message: string) => (line: LogLine): boolean => line['msg'] === message
const post = (label: string): Promise<Response> => at.service.post(order(label))

async function assertTakenBack(answer: Response, label: string, step: string, code: ProblemCode = 'journal-unavailable'): Promise<void> {
  const { transaction } = await problemIn(answer, code)
  assert.deepEqual([transaction?.step, transaction?.rollback], [step, 'done'])
  assert.equal(has(label), false)
  assert.equal(at.service.simulator.certificates().includes(label), false)
  assert.equal((await at.journal.becomes(label, 'rolled-back')).id, transaction?.id)
}

/** What a lost connection leaves of a write: nothing, an effect, or an effect at a later moment. */
const LOSSES: readonly [string, (match: (message: Statement) => boolean, label: string) => Promise<Response>][] = [
  ['fails', async (match, label) => {
    const cut = at.proxy.cutBefore(match)
    const answer = await post(label)
    await cut
    return answer
  }],
  ['succeeds unheard', async (match, label) => {
    const cut = at.proxy.cutAfter(match)
    const answer = await post(label)
    await cut
    return answer
  }],
  ['lands before the next write', async (match, label) => {
    const [holding, turning] = [at.proxy.holdBefore(match), at.proxy.holdBefore(NEXT_WRITE)]
    const answer = post(label)
    const held = await holding
    held.desert()
    const turn = await turning
    held.release()
    await held.answered
    turn.release()
    return answer
  }],
  ['lands when all is over', async (match, label) => {
    const holding = at.proxy.holdBefore(match)
    const answering = post(label)
    const held = await holding
    held.desert()
    const answer = await answering
    await at.journal.becomes(label, 'rolled-back')
    held.release()
    await held.answered
    return answer
  }],
]
const NEXT_WRITE = (message: Statement): boolean => writeOf('rolling-back')(message) || writeOf('rolled-back')(message)

describe('the first write, before anything is sent', () => {
  test('that fails leaves nothing behind', async () => {
    const before = at.service.simulator.requests.length
    const cut = at.proxy.cutBefore(INSERT)
    const problem = await problemIn(await post('begin-1'), 'journal-unavailable')
    await cut
    assert.equal(problem.transaction, undefined)
    assert.equal(at.service.simulator.requests.length, before)
    assert.deepEqual(await stateOf('begin-1'), [])
    assert.equal((await post('begin-1')).status, 201)
  })

  test('that succeeds unheard holds the label until its lease runs out, and the TSB is asked nothing', async () => {
    const before = at.service.simulator.requests.length
    // No recovery looks at the journal meanwhile, however long this takes.
    const [cut, looking] = [at.proxy.cutAfter(INSERT), at.proxy.holdBefore(statement(/^with "due"/))]
    await problemIn(await post('begin-2'), 'journal-unavailable')
    await cut
    await problemIn(await post('begin-2'), 'key-label-taken')
    const look = await looking
    look.release()
    await at.journal.becomes('begin-2', 'rolled-back')
    assert.equal(at.service.simulator.requests.length, before)
    assert.equal((await post('begin-2')).status, 201)
  })

  test('that succeeds unheard under a label prefix says soon that nothing was sent', async () => {
    const before = at.service.simulator.requests.length
    const cut = at.proxy.cutAfter(INSERT)
    const { body } = REQUESTS['a label prefix']('begin-prefix')
    const send = (): Promise<Response> => at.service.post(body, { 'idempotency-key': 'begin-prefix' })
    await problemIn(await send(), 'journal-unavailable')
    await cut
    await at.journal.until((rows) => rows.some(({ label, state }) => label.startsWith('begin-prefix-') && state === 'rolled-back'))
    assert.equal(at.service.simulator.requests.length, before)
    assert.equal((await send()).status, 201)
  })

  test('that lands late does the same', async () => {
    const before = at.service.simulator.requests.length
    const holding = at.proxy.holdBefore(INSERT)
    const answer = post('begin-3')
    const held = await holding
    held.desert()
    await problemIn(await answer, 'journal-unavailable')
    held.release()
    await at.journal.becomes('begin-3', 'rolled-back')
    assert.equal(at.service.simulator.requests.length, before)
  })
})

describe('the write before create-key leaves', () => {
  for (const [how, lose] of LOSSES) {
    test(`that ${how} keeps create-key back`, async () => {
      const label = `leaves-${how.replaceAll(' ', '-')}`
      const { transaction } = await problemIn(await lose(CREATE_LEAVES, label), 'journal-unavailable')
      assert.deepEqual([transaction?.step, transaction?.rollback], ['create-key', 'not-needed'])
      assert.equal(at.sent('create-key', label), 0)
      await at.journal.becomes(label, 'rolled-back')
      assert.equal((await post(label)).status, 201)
    })
  }
})

describe('the write of key-created', () => {
  for (const [how, lose] of LOSSES) {
    test(`that ${how} takes the key back at once`, async () => {
      const label = `created-${how.replaceAll(' ', '-')}`
      await assertTakenBack(await lose(writeOf('key-created'), label), label, 'create-key')
      assert.deepEqual(await stateOf(label), ['rolled-back'])
    })
  }

  test('with no journal there any more, takes the key back from memory; the row is settled when it is back', async () => {
    const label = 'created-away'
    const holding = at.proxy.holdBefore(writeOf('key-created'))
    const answer = post(label)
    await holding
    at.away()
    const { transaction } = await problemIn(await answer, 'journal-unavailable')
    assert.equal(transaction?.rollback, 'done')
    assert.equal(has(label), false)
    assert.notDeepEqual(await stateOf(label), ['rolled-back'])
    await at.proxy.accept()
    await at.journal.becomes(label, 'rolled-back')
    assert.ok(await at.service.logged(warned(`the journal now knows how transaction ${transaction.id} ended`)))
    assert.equal((await post(label)).status, 201)
  })
})

describe('how far a transaction has come', () => {
  /** Sends a request whose attestation the HSM takes too long to give, so that the journal is told how far it has come. */
  async function slow(label: string): Promise<Response> {
    at.service.simulator.faults.set('key-attestation', { kind: 'slow', delayMs: 1_500 })
    return post(label)
  }

  test('is in the journal while the TSB takes its time', async () => {
    const answer = slow('far')
    await at.journal.becomes('far', 'csr-generated')
    assert.equal((await answer).status, 201)
    assert.deepEqual(await stateOf('far'), ['committed'])
  })

  for (const [how, cutting] of [['fails', 'cutBefore'], ['succeeds unheard', 'cutAfter']] as const) {
    test(`is told by a write that ${how}: the bundle is committed all the same`, async () => {
      const label = `far-${how.replaceAll(' ', '-')}`
      const cut = at.proxy[cutting](writeOf('csr-generated'))
      const answer = slow(label)
      await cut
      assert.equal((await answer).status, 201)
      assert.deepEqual(await stateOf(label), ['committed'])
    })
  }
})

describe('the writes of a rollback', () => {
  for (const state of ['rolling-back', 'rolled-back']) {
    for (const [how, lose] of LOSSES.slice(0, 2)) {
      test(`${state}, that ${how}, changes nothing for the key`, async () => {
        const label = `${state}-${how.replaceAll(' ', '-')}`
        at.service.simulator.faults.set('certificate-request', { kind: 'hsm-error' })
        await assertTakenBack(await lose(writeOf(state), label), label, 'generate-csr', 'tsb-error')
      })
    }
  }

  test('rollback-owed, that succeeds unheard: it is settled all the same, and the label is free again', async () => {
    at.service.simulator.faults.set('create-key', { kind: 'reset-before' })
    // However long the first look takes, it is before SETTLE_AFTER_MS.
    const began = new Date()
    at.clock.now = () => began
    const { transaction } = await problemIn(await LOSSES[1]![1](writeOf('rollback-owed'), 'owed-unheard'), 'tsb-unavailable')
    at.clock.now = () => new Date()
    assert.equal(transaction?.rollback, 'pending')
    await at.journal.becomes('owed-unheard', 'rolled-back')
    assert.equal((await post('owed-unheard')).status, 201)
  })
})

test('while the journal is away readyz says so, callers are told, metrics are there, and nothing is sent', async () => {
  await at.ready()
  // A scrape asks for the keystore's statistics, whatever the journal does.
  const sent = (): number => at.service.simulator.requests.filter(({ call }) => call !== 'keystore-statistics').length
  const before = sent()
  at.service.log.length = 0
  at.away()
  await at.service.logged(warned('the journal cannot be written: journal-unavailable: the journal cannot be read or written'))
  await problemIn(await at.service.get('/readyz'), 'journal-unavailable')
  await problemIn(await post('away'), 'journal-unavailable')
  await problemIn(await at.service.post(order('away'), { 'idempotency-key': 'away' }), 'journal-unavailable')
  await problemIn(await at.service.get('/v1/attestation-bundles?label=away'), 'journal-unavailable')
  const metrics = await at.service.get('/metrics')
  assert.equal(metrics.status, 200)
  const text = await metrics.text()
  assert.match(text, /^attestation_bundle_ready 0$/m)
  assert.match(text, /^attestation_bundle_journal_operation_duration_seconds_count\{operation="beat",outcome="failed"\} [1-9]/m)
  assert.equal((await at.service.get('/livez')).status, 200)
  assert.equal(sent(), before)
  await at.proxy.accept()
  await at.ready()
  assert.equal((await post('away')).status, 201)
})
