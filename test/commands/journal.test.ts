import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { runJournal, type JournalCommandResult } from '../../src/commands/journal.ts'
import { startPostgres, type Postgres } from '../support/postgres.ts'
import { problemIn } from '../support/problem.ts'
import { setUpRestarts, type Restarts } from '../support/restarts.ts'
import { order, type RunningApp } from '../support/service.ts'

const PASSWORD = 'planted-password-c41d'

interface Said { readonly exitCode: number; readonly value: unknown; readonly text: string }
interface Row { readonly id: string; readonly label: string; readonly state: string; readonly reason?: string; readonly bundle?: unknown }

let postgres: Postgres
before(async () => { postgres = await startPostgres() })
after(() => postgres.stop())

/** Whether a text holds the password, be it as the list of characters that the TSB wants. */
const tells = (text: string): boolean => text.replace(/[\s",]/g, '').includes(PASSWORD)

/** Runs the command with `--json`: one document, without the password. */
async function run(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Said> {
  const { exitCode, output }: JournalCommandResult = await runJournal([...args, '--json'], { env, colour: false })
  assert.equal(tells(output), false)
  return { exitCode, value: JSON.parse(output), text: output }
}

/** Makes a row that is owed for a minute: create-key broke off; and a key that then appears, as a late landing would leave it. */
async function owe(
  stage: Restarts, service: RunningApp, label: string, planted: { useCount?: number } = {}, headers: Record<string, string> = {},
): Promise<string> {
  stage.simulator.faults.set('create-key', { kind: 'reset-before' })
  const { transaction } = await problemIn(await service.post(order(label, { password: PASSWORD }), headers), 'tsb-unavailable')
  assert.equal(transaction?.rollback, 'pending')
  await stage.simulator.addKey({ label, password: PASSWORD, ...planted })
  return transaction.id
}

const statesOf = (said: Said): [string, string][] => (said.value as Row[]).map(({ label, state }): [string, string] => [label, state])
const metric = async (service: RunningApp, name: string): Promise<string | undefined> =>
  new RegExp(`^attestation_bundle_${name} (\\d+)$`, 'm').exec(await (await service.get('/metrics')).text())?.[1]

for (const engine of ['SQLite', 'PostgreSQL']) {
  describe(`the operator's command beside a running service, on ${engine}`, () => {
    let stage: Restarts
    let service: RunningApp
    const hooks: (() => Promise<void>)[] = []
    const held = (label: string): boolean => stage.simulator.labels().includes(label)
    before(async () => {
      const journal = engine === 'PostgreSQL' ? { JOURNAL_URL: await postgres.newDatabase() } : {}
      stage = await setUpRestarts({ after: (hook) => { hooks.push(hook as () => Promise<void>) } }, {
        SETTLE_AFTER_MS: '60000', JOURNAL_ENCRYPTION_KEY: randomBytes(32).toString('base64'), ...journal,
      })
      service = await stage.start()
    })
    after(async () => { for (const hook of hooks) await hook() })

    test('lists what is open, and with --all what is not', async () => {
      assert.deepEqual((await run(stage.env, 'list')).value, [])
      const answer = await service.post(order('done'), { 'idempotency-key': 'visible-key' })
      const id = await owe(stage, service, 'listed', {}, { 'idempotency-key': 'listed' })
      assert.deepEqual(statesOf(await run(stage.env, 'list')), [['listed', 'rollback-owed']])
      assert.deepEqual(statesOf(await run(stage.env, 'list', '--all')), [['listed', 'rollback-owed'], ['done', 'committed']])
      const shown = await run(stage.env, 'show', id.toUpperCase())
      assert.equal(shown.exitCode, 0)
      const { state, reason } = shown.value as Row
      assert.deepEqual([state, reason], ['rollback-owed', 'no key is seen yet; if create-key was sent, one may still appear'])
      const done = await run(stage.env, 'show', answer.headers.get('location')!.split('/').at(-1)!)
      assert.deepEqual(Object.keys((done.value as { bundle: object }).bundle), ['fileName', 'size', 'sha256'])
      for (const args of [['list'], ['list', '--all'], ['show', id]]) {
        const { exitCode, output } = await runJournal(args, { env: stage.env, colour: true })
        assert.equal(exitCode, 0)
        assert.match(output, /listed/)
        assert.equal(tells(output), false)
      }
    })

    test('settles an owed row: the key is gone, the password too, and a second try has nothing to do', async () => {
      const id = await owe(stage, service, 'owed')
      assert.deepEqual((await run(stage.env, 'settle', id)).value, { id, outcome: 'rolled-back' })
      assert.equal(held('owed'), false)
      const again = await run(stage.env, 'settle', id)
      assert.deepEqual([again.exitCode, again.value], [1, { id, outcome: 'not-tried', reason: 'nothing is owed for it' }])
      assert.equal((await service.post(order('owed'))).status, 201)
      assert.equal((await run(stage.env, 'settle', id)).exitCode, 1)
      assert.equal(held('owed'), true)
    })

    test('leaves a key alone that is not the transaction\'s, says why, and settles it once that has changed', async () => {
      const id = await owe(stage, service, 'used', { useCount: 1 })
      const refused = await run(stage.env, 'settle', id)
      assert.equal(refused.exitCode, 1)
      assert.deepEqual(refused.value, { id, outcome: 'abandoned', reason: 'a key of this label exists, but it has been used' })
      assert.equal(held('used'), true)
      assert.equal(await metric(service, 'rollbacks_abandoned'), '1')
      stage.simulator.key('used').useCount = 0
      const settled = await run(stage.env, 'settle', id)
      assert.deepEqual([settled.exitCode, settled.value], [0, { id, outcome: 'rolled-back' }])
      assert.equal(held('used'), false)
      assert.equal(await metric(service, 'rollbacks_abandoned'), '0')
    })

    test('does not touch a label that another transaction holds by now', async () => {
      const id = await owe(stage, service, 'contended', { useCount: 1 })
      assert.equal((await run(stage.env, 'settle', id)).exitCode, 1)
      // The other one stands at its look at the label, which is answered when the command is through.
      const [asked, through] = [stage.simulator.next('key-attributes'), Promise.withResolvers<void>()]
      stage.simulator.alter.attestationXml = async (xml) => {
        await through.promise
        return xml
      }
      const other = service.post(order('contended', { password: PASSWORD }))
      await asked
      const { exitCode, value } = await run(stage.env, 'settle', id)
      assert.equal(exitCode, 1)
      assert.deepEqual(value, { id, outcome: 'not-tried', reason: 'another transaction holds the label now; try again when it has ended' })
      const [running] = (await run(stage.env, 'list')).value as Row[]
      for (const [name, outcome] of [['settle', 'not-tried'], ['forget', 'not-done']] as const) {
        const busy = await run(stage.env, name, running!.id)
        assert.deepEqual([busy.exitCode, (busy.value as { outcome: string }).outcome], [1, outcome])
      }
      through.resolve()
      delete stage.simulator.alter.attestationXml
      await problemIn(await other, 'key-label-taken')
      assert.equal(held('contended'), true)
      assert.equal((await run(stage.env, 'forget', id)).exitCode, 0)
    })

    test('does not settle a row of another TSB against this one', async () => {
      const id = await owe(stage, service, 'elsewhere')
      const elsewhere = await run({ ...stage.env, TSB_ID: 'another' }, 'settle', id)
      assert.equal(elsewhere.exitCode, 1)
      assert.deepEqual(elsewhere.value, { id, outcome: 'not-tried', reason: 'it belongs to another TSB than TSB_URL and TSB_ID name' })
      assert.equal(held('elsewhere'), true)
      // The same TSB at another address, where nobody answers: still owed.
      const away = await run({ ...stage.env, TSB_URL: 'http://127.0.0.1:1', TSB_ID: stage.simulator.url }, 'settle', id)
      assert.deepEqual([away.exitCode, (away.value as { outcome: string }).outcome], [1, 'rollback-owed'])
      assert.equal((await run(stage.env, 'settle', id)).exitCode, 0)
      assert.equal(held('elsewhere'), false)
    })

    test('forgets a row: its key stays, nothing counts it, its label is free, and it is forgotten once', async () => {
      const id = await owe(stage, service, 'forgotten', {}, { 'idempotency-key': 'forgotten' })
      const owed = Number(await metric(service, 'rollbacks_owed'))
      assert.deepEqual((await run(stage.env, 'forget', id)).value, { id, outcome: 'written-off' })
      assert.equal(Number(await metric(service, 'rollbacks_owed')), owed - 1)
      assert.equal(await metric(service, 'rollbacks_abandoned'), '0')
      assert.equal(statesOf(await run(stage.env, 'list')).some(([label]) => label === 'forgotten'), false)
      const shown = (await run(stage.env, 'show', id)).value as Row & { writtenOffAt: string }
      assert.deepEqual([shown.state, shown.reason], ['abandoned', 'written off by an operator'])
      assert.ok(shown.writtenOffAt)
      assert.equal(held('forgotten'), true)
      const again = await run(stage.env, 'forget', id)
      assert.deepEqual([again.exitCode, again.value], [1, { id, outcome: 'not-done' }])
      await problemIn(await service.post(order('forgotten'), { 'idempotency-key': 'forgotten' }), 'key-label-taken')
      if (engine === 'SQLite') assert.equal(stage.read().find((row) => row.id === id)?.secret, null)
    })

    test('knows no transaction of a made-up id', async () => {
      for (const name of ['show', 'settle', 'forget']) {
        for (const id of ['00000000-0000-4000-8000-000000000000', "' or 1=1 --", '\u001B[31m']) {
          const { exitCode, value } = await run(stage.env, name, id)
          assert.deepEqual([exitCode, value], [1, { error: 'there is no such transaction' }])
        }
      }
      const { output } = await runJournal(['show', '\u001B[31m'], { env: stage.env, colour: false })
      assert.equal(output.includes('\u001B'), false)
    })

    test('finds nothing for a caller who asks with a character that no id and no label has', async () => {
      await problemIn(await service.get('/v1/attestation-bundles/%00'), 'not-found')
      await problemIn(await service.get('/v1/attestation-bundles?label=%00'), 'invalid-request')
    })
  })
}
