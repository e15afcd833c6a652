import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { runJournal } from '../src/commands/journal.ts'
import { order } from './support/service.ts'
import { startPostgres, type Postgres } from './support/postgres.ts'
import { problemIn } from './support/problem.ts'
import { launchService, startServiceProcess } from './support/process.ts'
import { leaveUnfinished, setUpRestarts, settled } from './support/restarts.ts'

/** What the operator's command lists, oldest first. */
async function statesIn(env: Readonly<Record<string, string>>): Promise<[string, string][]> {
  const { output } = await runJournal(['list', '--all', '--json'], { env, colour: false })
  return (JSON.parse(output) as { label: string; state: string }[]).map(({ label, state }): [string, string] => [label, state]).reverse()
}

let postgres: Postgres
before(async () => { postgres = await startPostgres() })
after(() => postgres.stop())

describe('a process and its journal', { concurrency: true }, () => {
  for (const engine of ['SQLite', 'PostgreSQL']) {
    test(`SIGTERM in the middle of a transaction, with a row owed, ends with exit code 0; the row stays owed (${engine})`, async (t) => {
      const journal = engine === 'PostgreSQL' ? { JOURNAL_URL: await postgres.newDatabase() } : {}
      const stage = await setUpRestarts(t, { SETTLE_AFTER_MS: '60000', ...journal })
      const { simulator } = stage
      const service = await startServiceProcess(stage.env)
      simulator.faults.set('create-key', { kind: 'reset-before' })
      const { transaction } = await problemIn(await service.post(order('owed')), 'tsb-unavailable')
      assert.equal(transaction?.rollback, 'pending')
      const running = simulator.next('certificate-request')
      // Its CSR is answered only when SIGTERM is in.
      const stopped = Promise.withResolvers<void>()
      simulator.alter.csr = async (pem) => {
        await stopped.promise
        return pem
      }
      const answer = service.post(order('running'))
      await running
      const ended = service.stop()
      await service.logged(({ msg }) => msg === 'stopping')
      stopped.resolve()
      assert.equal((await answer).status, 201)
      const { code, stderr } = await ended
      assert.deepEqual([code, stderr], [0, ''])
      assert.deepEqual(await statesIn(stage.env), [['owed', 'rollback-owed'], ['running', 'committed']])

      // PostgreSQL's clock cannot be moved; there the row is due in a minute.
      if (engine === 'PostgreSQL') return
      const next = await stage.start({}, () => new Date(Date.now() + 61_000))
      await next.logged(settled('owed'))
      await next.stop()
      assert.deepEqual(simulator.labels(), ['running'])
      assert.deepEqual(await statesIn(stage.env), [['owed', 'rolled-back'], ['running', 'committed']])
    })
  }

  test('a stop while the recovery is at work leaves the row owed, and the next start settles it', async (t) => {
    const stage = await setUpRestarts(t)
    await leaveUnfinished(stage, 'csr', order('left'))
    stage.simulator.faults.set('key-attributes', { kind: 'hang-before' })
    const looked = stage.simulator.next('key-attributes')
    const second = await stage.start()
    await looked
    await second.stop()
    assert.deepEqual(await statesIn(stage.env), [['left', 'rollback-owed']])
    assert.deepEqual(stage.simulator.labels(), ['left'])
    const third = await stage.start()
    await third.logged(settled('left'))
    await third.stop()
    assert.deepEqual(await statesIn(stage.env), [['left', 'rolled-back']])
    assert.deepEqual(stage.simulator.labels(), [])
  })

  test('on an HSM that keeps invalidated labels the next start settles what was left; a prefix is free then, a label not', async (t) => {
    const stage = await setUpRestarts(t, {}, { keepInvalidatedLabels: true })
    const prefixed = { ...order('unused'), key: { labelPrefix: 'again', algorithm: 'EC', curveOid: '1.2.840.10045.3.1.7' } }
    await leaveUnfinished(stage, 'exportFiles', order('again'))
    const service = await stage.start()
    await service.logged(settled('again'))
    assert.deepEqual(stage.simulator.labels(), [])
    const { detail, transaction } = await problemIn(await service.post(order('again')), 'key-label-taken')
    assert.match(detail, /invalidated/)
    assert.equal(transaction?.rollback, 'not-needed')
    const answer = await service.post(prefixed)
    assert.equal(answer.status, 201)
    assert.deepEqual(stage.simulator.labels(), [`again-${answer.headers.get('location')?.split('/').at(-1)}`])
    await service.stop()
    assert.deepEqual(stage.read().map(({ state }) => state), ['rolled-back', 'rolled-back', 'committed'])
  })

  test('a second process on the same SQLite file ends with 78 and one line, and the first goes on', async (t) => {
    const stage = await setUpRestarts(t)
    const first = await stage.start()
    const { code, stderr } = await launchService(stage.env).exited
    assert.equal(code, 78)
    assert.match(stderr, /^JOURNAL_URL: [^\n]+\n$/)
    assert.equal((await first.post(order('first'))).status, 201)
    await first.stop()
  })
})
