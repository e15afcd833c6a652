import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { runJournal } from '../../src/commands/journal.ts'
import { openJournal } from '../../src/journal/open-journal.ts'
import { order } from '../support/service.ts'
import { abandoned, leaveUnfinished, setUpRestarts, settled, type Restarts } from '../support/restarts.ts'

const DAY_MS = 86_400_000
const TOO_OLD = 'nobody worked on it for longer than GIVE_UP_AFTER_MS, so the journal may be an old copy; nothing was deleted'
const USED = 'a key of this label exists, but it has been used more often than this transaction used it'

/** Commits a transaction, but puts back the journal as it stood when the HSM was about to answer one of its calls. */
async function restoredFrom(t: TestContext, during: Parameters<typeof leaveUnfinished>[1]): Promise<Restarts> {
  const stage = await setUpRestarts(t)
  await leaveUnfinished(stage, during, order('live'))
  return stage
}

describe('a journal that was restored from before', { concurrency: true }, () => {
  for (const [during, state] of [['createAnswer', 'began'], ['csr', 'key-created'], ['exportFiles', 'key-created']] as const) {
    test(`a journal that says ${state} of a committed transaction does not destroy its key once that was used`, async (t) => {
      const stage = await restoredFrom(t, during)
      assert.deepEqual(stage.read().map((row) => row.state), [state])
      stage.simulator.key('live').useCount = 3
      const service = await stage.start()
      const line = await service.logged(abandoned('live'))
      const reason = state === 'began' ? 'a key of this label exists, but it has been used' : USED
      assert.deepEqual([line['level'], line['reason']], [50, reason])
      assert.deepEqual(stage.read().map((row) => [row.state, row.reason]), [['abandoned', reason]])
      assert.match(await (await service.get('/metrics')).text(), /^attestation_bundle_rollbacks_abandoned 1$/m)
      await service.stop()
      assert.deepEqual(stage.simulator.labels(), ['live'])
      assert.deepEqual(stage.simulator.certificates(), ['live'])
    })
  }

  test('a journal that does not know the public key does not destroy a key that was only used for its CSR', async (t) => {
    const stage = await restoredFrom(t, 'createAnswer')
    const service = await stage.start()
    await service.logged(abandoned('live'))
    await service.stop()
    assert.deepEqual(stage.simulator.labels(), ['live'])
  })

  test('a journal that is older than GIVE_UP_AFTER_MS does not destroy a key that was never used', async (t) => {
    const stage = await restoredFrom(t, 'exportFiles')
    stage.simulator.key('live').useCount = 0
    const service = await stage.start({}, () => new Date(Date.now() + DAY_MS + 60_000))
    assert.equal((await service.logged(abandoned('live')))['reason'], TOO_OLD)
    assert.deepEqual(stage.read().map((row) => [row.state, row.reason]), [['abandoned', TOO_OLD]])
    await service.stop()
    assert.deepEqual(stage.simulator.labels(), ['live'])
    assert.deepEqual(stage.simulator.requests.filter(({ call }) => call === 'delete-key'), [])
  })

  test('a recovery that took the row over and died does not make it younger', async (t) => {
    const stage = await restoredFrom(t, 'exportFiles')
    const inTime = (): number => Date.now() + DAY_MS - 3_600_000
    const died = await openJournal({ url: `file:${stage.file}`, tsb: stage.simulator.url, leaseMs: 1, retentionMs: DAY_MS, now: inTime })
    assert.deepEqual((await died.takeOver(8, [])).map(({ label }) => label), ['live'])
    await died.close()
    const service = await stage.start({}, () => new Date(Date.now() + DAY_MS + 60_000))
    assert.equal((await service.logged(abandoned('live')))['reason'], TOO_OLD)
    await service.stop()
    assert.deepEqual(stage.simulator.labels(), ['live'])
  })

  test('a restored debt does not destroy a key that another transaction made under the label since', async (t) => {
    const stage = await setUpRestarts(t)
    const first = await stage.start()
    stage.simulator.faults.set('certificate-request', { kind: 'hsm-error' })
    stage.simulator.faults.set('delete-key', { kind: 'status', status: 400, body: { errorCode: 614 }, times: 3 })
    assert.equal((await first.post(order('shared'))).status, 502)
    assert.deepEqual(stage.read().map((row) => row.state), ['rollback-owed'])
    stage.backUp()
    await first.logged(settled('shared'))
    assert.equal((await first.post(order('shared'))).status, 201)
    await first.stop()
    stage.restore()

    const theirs = stage.simulator.publicKey('shared')
    const second = await stage.start()
    const line = await second.logged(abandoned('shared'))
    assert.equal(line['reason'], 'a key of this label exists, but its public key is not the one that create-key answered')
    await second.stop()
    assert.equal(stage.simulator.publicKey('shared'), theirs)
  })

  test('a restored debt of a create that went unanswered does not destroy such a key either', async (t) => {
    const stage = await setUpRestarts(t, { SETTLE_AFTER_MS: '60000' })
    let passed = 0
    const clock = (): Date => new Date(Date.now() + passed)
    const first = await stage.start({}, clock)
    stage.simulator.faults.set('create-key', { kind: 'reset-before' })
    assert.equal((await first.post(order('shared'))).status, 503)
    stage.backUp()
    passed = 61_000
    await first.logged(settled('shared'))
    assert.equal((await first.post(order('shared'))).status, 201)
    await first.stop()
    stage.restore()
    const second = await stage.start({}, clock)
    await second.logged(abandoned('shared'))
    await second.stop()
    assert.deepEqual(stage.simulator.labels(), ['shared'])
  })

  test('the drill of the documentation saves the one case that is left: young, delivered, unused', async (t) => {
    const stage = await restoredFrom(t, 'exportFiles')
    const list = await runJournal(['list', '--json'], { env: stage.env, colour: false })
    const [row] = JSON.parse(list.output) as { id: string; label: string; state: string }[]
    assert.deepEqual([row?.label, row?.state], ['live', 'key-created'])
    const forget = async (): Promise<number> => (await runJournal(['forget', row!.id], { env: stage.env, colour: false })).exitCode
    // A copy of a moment ago is still leased for a moment.
    while (await forget() !== 0);
    const service = await stage.start()
    assert.equal((await service.get('/readyz')).status, 200)
    assert.match(await (await service.get('/metrics')).text(), /^attestation_bundle_rollbacks_abandoned 0$/m)
    await service.stop()
    assert.deepEqual(stage.read().map(({ state }) => state), ['abandoned'])
    assert.deepEqual(stage.simulator.labels(), ['live'])
  })
})
