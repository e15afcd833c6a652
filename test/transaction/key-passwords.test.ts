import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { openJournal } from '../../src/journal/open-journal.ts'
import { problemIn } from '../support/problem.ts'
import { order, type LogLine } from '../support/service.ts'
import { abandoned, leaveUnfinished, setUpRestarts, settled } from '../support/restarts.ts'

const PASSWORD = 'planted-password-7f3a'
const newKey = (): string => randomBytes(32).toString('base64')
const withPassword = (label: string): unknown => order(label, { password: PASSWORD })
const owed = (label: string) => (line: LogLine): boolean => line['label'] === label && String(line['msg']).includes('its deletion is owed')

/** What another process sees on disk: reading in this one would drop SQLite's locks. */
const onDisk = (file: string): string => execFileSync('cat', [file, `${file}-wal`], { encoding: 'latin1', maxBuffer: 1e8 })
/** Neither as itself, nor as the list of characters that the TSB wants, nor as who does not encrypt would hide either. */
function assertUnknown(text: string): void {
  const bare = text.replace(/[\s",\\]/g, '')
  for (const spelling of [PASSWORD, JSON.stringify([...PASSWORD])]) {
    const bytes = Buffer.from(spelling)
    const hidden = [bytes.toString('base64').replace(/=+$/, ''), bytes.toString('hex')]
    for (const each of [spelling, ...hidden]) assert.equal(bare.includes(each), false)
  }
}

describe('the password of a key whose process crashed', { concurrency: true }, () => {
  test('is on disk only encrypted, serves to delete the key, and is wiped', async (t) => {
    const stage = await setUpRestarts(t, { JOURNAL_ENCRYPTION_KEY: newKey() })
    let bytes = ''
    await leaveUnfinished(stage, 'csr', withPassword('kept'), {}, () => { bytes = onDisk(stage.file) })
    assert.ok(bytes.includes('kept'))
    assertUnknown(bytes)
    const [row] = stage.read()
    assert.match(row?.secret ?? '', /^v1\.[0-9a-f]{8}\.[A-Za-z0-9+/]+=*$/)
    assert.equal(stage.simulator.key('kept').password, PASSWORD)

    const service = await stage.start()
    await service.logged(settled('kept'))
    await service.stop()
    assert.deepEqual(stage.simulator.labels(), [])
    assert.deepEqual(stage.read().map(({ state, secret }) => [state, secret]), [['rolled-back', null]])
    assertUnknown(JSON.stringify(service.log))
  })

  test('is wiped by the commit and by the end of a rollback', async (t) => {
    const stage = await setUpRestarts(t, { JOURNAL_ENCRYPTION_KEY: newKey() })
    const service = await stage.start()
    assert.equal((await service.post(withPassword('good'))).status, 201)
    stage.simulator.faults.set('certificate-request', { kind: 'hsm-error' })
    assert.equal((await service.post(withPassword('bad'))).status, 502)
    await service.stop()
    const rows = stage.read().map(({ label, state, secret }) => [label, state, secret])
    assert.deepEqual(rows, [['good', 'committed', null], ['bad', 'rolled-back', null]])
    assertUnknown(JSON.stringify(service.log))
  })

  test('is still known when a new key was put before the one that encrypted it', async (t) => {
    const old = newKey()
    const stage = await setUpRestarts(t)
    await leaveUnfinished(stage, 'exportFiles', withPassword('rotated'), { JOURNAL_ENCRYPTION_KEY: old })
    const service = await stage.start({ JOURNAL_ENCRYPTION_KEY: `${newKey()},${old}` })
    await service.logged(settled('rotated'))
    await service.stop()
    assert.deepEqual(stage.simulator.labels(), [])
  })

  test('whose encryption key is missing keeps the deletion owed, until the key is back', async (t) => {
    const old = newKey()
    const stage = await setUpRestarts(t)
    await leaveUnfinished(stage, 'exportFiles', withPassword('missing'), { JOURNAL_ENCRYPTION_KEY: old })
    const service = await stage.start({ JOURNAL_ENCRYPTION_KEY: newKey() })
    assert.match(String((await service.logged(owed('missing')))['reason']), /JOURNAL_ENCRYPTION_KEY/)
    await service.stop()
    const [row] = stage.read()
    assert.deepEqual([row?.state, row?.secret?.startsWith('v1.')], ['rollback-owed', true])
    assert.deepEqual(stage.simulator.labels(), ['missing'])
    // A later start, when the next try is due.
    const later = await stage.start({ JOURNAL_ENCRYPTION_KEY: old }, () => new Date(Date.now() + 60_000))
    await later.logged(settled('missing'))
    await later.stop()
    assert.deepEqual(stage.simulator.labels(), [])
  })

  test('is not kept without the setting: such a key is left alone with the reason, one without a password is deleted', async (t) => {
    const stage = await setUpRestarts(t)
    await leaveUnfinished(stage, 'csr', withPassword('closed'))
    assert.deepEqual(stage.read().map(({ secret }) => secret), [null])
    const service = await stage.start()
    const line = await service.logged(abandoned('closed'))
    assert.match(String(line['reason']), /asks for its password, which the journal was not allowed to keep \(JOURNAL_ENCRYPTION_KEY\)$/)
    await service.stop()
    assert.deepEqual(stage.simulator.labels(), ['closed'])

    await leaveUnfinished(stage, 'csr', order('open'))
    const next = await stage.start()
    await next.logged(settled('open'))
    await next.stop()
    assert.deepEqual(stage.simulator.labels(), ['closed'])
    assert.deepEqual(stage.read().map(({ label, state }) => [label, state]), [['closed', 'abandoned'], ['open', 'rolled-back']])
  })

  test('is known again where the row was settled, and wiped, before its create-key turned out to have been sent', async (t) => {
    const stage = await setUpRestarts(t, { JOURNAL_ENCRYPTION_KEY: newKey(), TSB_ID: 'here' })
    const service = await stage.start()
    stage.simulator.faults.set('create-key', { kind: 'reset-after' })
    stage.simulator.alter.createAnswer = async (answer) => {
      // Another process takes the row over, sees no key, and settles it.
      const url = `file:${stage.file}`
      const other = await openJournal({ url, tsb: 'here', leaseMs: 600, retentionMs: 1, exclusive: false, now: () => Date.now() + 60_000 })
      const [row] = await other.takeOver(1, [])
      await other.write(row!, { state: 'rolled-back' })
      await other.close()
      assert.deepEqual(stage.read().map(({ state, secret }) => [state, secret]), [['rolled-back', null]])
      return answer
    }
    const { transaction } = await problemIn(await service.post(withPassword('reopened')), 'tsb-unavailable')
    assert.equal(transaction?.rollback, 'pending')
    await service.logged(settled('reopened'))
    await service.stop()
    assert.deepEqual([stage.simulator.labels(), stage.read().map(({ state, secret }) => [state, secret])], [[], [['rolled-back', null]]])
  })
})
