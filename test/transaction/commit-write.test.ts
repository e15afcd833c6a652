import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import { problemIn, type ProblemAnswer } from '../support/problem.ts'
import { REREAD, startProxiedService, writeOf, type ProxiedService } from '../support/proxied-service.ts'
import { order } from '../support/service.ts'
import { statement } from '../support/postgres-protocol.ts'

let at: ProxiedService
before(async () => { at = await startProxiedService() })
after(() => at.stop())

const COMMIT = writeOf('committed')
const has = (label: string): boolean => at.service.simulator.labels().includes(label)
const post = (label: string): Promise<Response> => at.service.post(order(label), { 'idempotency-key': label })
const sha256 = (bytes: ArrayBuffer): string => createHash('sha256').update(Buffer.from(bytes)).digest('hex')

/** Asserts that a committed transaction answers with its bundle, that the bundle is found again, and that the key is there. */
async function assertIssued(answer: Response, label: string): Promise<void> {
  assert.equal(answer.status, 201)
  const { id, state } = await at.journal.becomes(label, 'committed')
  assert.equal(state, 'committed')
  const again = await at.service.get(`/v1/attestation-bundles/${id}`)
  assert.equal(sha256(await again.arrayBuffer()), sha256(await answer.arrayBuffer()))
  assert.equal(has(label), true)
  assert.equal(at.sent('delete-key', label), 0)
}

async function assertTakenBack(answer: Response, label: string): Promise<void> {
  const { transaction } = await problemIn(answer, 'journal-unavailable')
  assert.deepEqual([transaction?.step, transaction?.rollback], ['commit', 'done'])
  assert.equal(has(label), false)
  assert.equal((await at.journal.becomes(label, 'rolled-back')).id, transaction?.id)
}

/** Asserts the answer while nobody can say what the row says: nothing was deleted. */
async function assertPending(answer: Response, label: string): Promise<ProblemAnswer> {
  const problem = await problemIn(answer, 'journal-unavailable')
  assert.deepEqual([problem.transaction?.step, problem.transaction?.rollback], ['commit', 'pending'])
  assert.equal(has(label), true)
  assert.equal(at.sent('delete-key', label), 0)
  return problem
}

/** The repeated request finds the bundle, and a recovery that looked at every row whose lease had run out left the key alone. */
async function assertFound(label: string): Promise<void> {
  await at.ready()
  const again = await post(label)
  assert.deepEqual([again.status, again.headers.get('idempotency-replayed')], [200, 'true'])
  await at.proxy.seen(statement(/^with "due"/))
  assert.deepEqual((await at.journal.rows(label)).map(({ state }) => state), ['committed'])
  assert.equal(has(label), true)
}

test('a commit that never arrives takes the key back', async () => {
  const cut = at.proxy.cutBefore(COMMIT)
  const answer = await post('cut-before')
  await cut
  await assertTakenBack(answer, 'cut-before')
})

test('a commit that succeeds unheard is answered with the bundle, and the key stays', async () => {
  const cut = at.proxy.cutAfter(COMMIT)
  const answer = await post('cut-after')
  await cut
  await assertIssued(answer, 'cut-after')
})

test('a commit that lands before the row is read again is answered with the bundle', async () => {
  const [committing, reading] = [at.proxy.holdBefore(COMMIT), at.proxy.holdBefore(REREAD)]
  const answer = post('late-1')
  const commit = await committing
  commit.desert()
  const reread = await reading
  commit.release()
  await commit.answered
  reread.release()
  await assertIssued(await answer, 'late-1')
})

test('a commit that lands between the second look and the turn to rolling back is answered with the bundle', async () => {
  const [committing, turning] = [at.proxy.holdBefore(COMMIT), at.proxy.holdBefore(writeOf('rolling-back'))]
  const answer = post('late-2')
  const commit = await committing
  commit.desert()
  const turn = await turning
  commit.release()
  await commit.answered
  turn.release()
  await assertIssued(await answer, 'late-2')
})

test('a commit that lands after the turn to rolling back changes nothing', async () => {
  const committing = at.proxy.holdBefore(COMMIT)
  const answer = post('late-3')
  const commit = await committing
  // The undo looks at the key first, and is told only when the commit has been there.
  at.service.simulator.alter.attestationXml = async (xml) => {
    commit.release()
    await commit.answered
    assert.deepEqual((await at.journal.rows('late-3')).map(({ state }) => state), ['rolling-back'])
    return xml
  }
  commit.desert()
  await assertTakenBack(await answer, 'late-3')
  delete at.service.simulator.alter.attestationXml
})

test('both a commit and the turn to rolling back that succeed unheard leave one outcome', async () => {
  const cut = [at.proxy.cutBefore(COMMIT), at.proxy.cutAfter(writeOf('rolling-back'))]
  const answer = await post('unheard-twice')
  await Promise.all(cut)
  await assertPending(answer, 'unheard-twice')
  await at.journal.becomes('unheard-twice', 'rolled-back')
  assert.equal(has('unheard-twice'), false)
})

test('nothing is deleted while the row cannot be read: a commit that had landed keeps the key and its bundle', async () => {
  const committing = at.proxy.holdAfter(COMMIT)
  const answer = post('away-landed')
  await committing
  at.away()
  await assertPending(await answer, 'away-landed')
  await at.proxy.accept()
  await assertFound('away-landed')
})

test('nothing is deleted while the row cannot be read: a commit that lands meanwhile keeps the key and its bundle', async () => {
  const committing = at.proxy.holdBefore(COMMIT)
  const answer = post('away-late')
  const commit = await committing
  commit.desert()
  at.away()
  await assertPending(await answer, 'away-late')
  commit.release()
  await commit.answered
  await at.proxy.accept()
  await assertFound('away-late')
})

test('nothing is deleted while the row cannot be read: one that was never committed is rolled back by the recovery', async () => {
  const committing = at.proxy.holdBefore(COMMIT)
  const answer = post('away-lost')
  const commit = await committing
  commit.desert()
  at.away()
  const { transaction } = await assertPending(await answer, 'away-lost')
  await at.proxy.accept()
  assert.equal((await at.journal.becomes('away-lost', 'rolled-back')).id, transaction?.id)
  assert.equal(has('away-lost'), false)
  // Its commit lands after all: the row is another one's by number and by state.
  commit.release()
  await commit.answered
  assert.deepEqual((await at.journal.rows('away-lost')).map(({ state }) => state), ['rolled-back'])
  await at.ready()
  assert.equal((await post('away-lost')).status, 201)
})
