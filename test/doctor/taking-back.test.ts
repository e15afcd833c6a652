import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Diagnosis } from '../../src/doctor/diagnosis.ts'
import type { CallName, Fault } from '../../src/simulator/simulator.ts'
import { assertNothingLeft, openSurgery, troubles } from '../support/doctor.ts'
import { reap } from '../support/reaper.ts'

describe('what fails in the middle is taken back', () => {
  const rows: readonly (readonly [call: CallName, fault: Fault, failed: string])[] = [
    ['create-key', { kind: 'status', status: 400, body: { errorCode: 603, reason: 'res.error.input.keysize' } }, 'bundle.create-key'],
    ['create-key', { kind: 'reset-after' }, 'bundle.create-key'],
    ['create-key', { kind: 'hang-after' }, 'bundle.create-key'],
    ['create-key', { kind: 'garbage' }, 'bundle.create-key'],
    ['certificate-request', { kind: 'hsm-error', skip: 1 }, 'bundle.generate-csr'],
    ['certificate-request', { kind: 'reset-after', skip: 1, times: 3 }, 'bundle.generate-csr'],
    ['key-attestation', { kind: 'hsm-error' }, 'bundle.export-attestation'],
    ['key-attestation', { kind: 'garbage' }, 'bundle.export-attestation'],
  ]
  for (const [call, fault, failed] of rows) {
    test(`${call}: ${fault.kind}`, async (t) => {
      const surgery = await openSurgery(t)
      // The credentials are tried with calls of their own, which the faults let pass.
      surgery.simulator.faults.set(call, fault)
      const run = await surgery.run({ env: { TSB_CREATE_KEY_TIMEOUT_MS: '300' } })
      assert.equal(run.exitCode, 1)
      assert.deepEqual(run.diagnosis.findings.filter(({ outcome }) => outcome === 'failed').map(({ id }) => id), [failed])
      assertNothingLeft(surgery, run)
    })
  }

  test('a create that went unanswered and lands late is waited for, and deleted', async (t) => {
    const surgery = await openSurgery(t)
    const { simulator } = surgery
    simulator.faults.set('create-key', { kind: 'late' })
    const landed: Promise<void>[] = []
    const run = await surgery.run({
      env: { TSB_CREATE_KEY_TIMEOUT_MS: '200', SETTLE_AFTER_MS: '600' },
      say(line) { if (landed.length === 0 && line.includes('may still appear')) landed.push(simulator.releaseLate()) },
    })
    assert.equal(landed.length, 1)
    assert.equal(run.exitCode, 1)
    assert.equal(simulator.requests.filter(({ call }) => call === 'create-key').length, 2, 'the deleted label is tried as well')
    assertNothingLeft(surgery, run)
  })

  for (const [fault, hint] of [[{ kind: 'hang-before' }, /TSB_CREATE_KEY_TIMEOUT_MS/], [{ kind: 'hsm-error' }, /HSM refused/]] as const) {
    test(`a create of which nobody knows what it did (${fault.kind}) is named, though no key is seen: it may still appear`, async (t) => {
      const { run, simulator } = await openSurgery(t)
      simulator.faults.set('create-key', fault)
      const { exitCode, diagnosis, finding, said } = await run({ env: { TSB_CREATE_KEY_TIMEOUT_MS: '200' } })
      assert.deepEqual([exitCode, diagnosis.left?.label], [1, diagnosis.label])
      assert.match(diagnosis.left?.reason ?? '', /no key is seen yet; if create-key was sent, one may still appear/)
      assert.match(finding('bundle.create-key').hint ?? '', hint)
      assert.match(said.at(-1) ?? '', new RegExp(`MAY BE LEFT.*${diagnosis.label}`))
      assert.equal(finding('label.free-again').outcome, 'skipped')
    })
  }

  test('a TSB that goes away while the key is to be deleted, and comes back, is waited for', async (t) => {
    const surgery = await openSurgery(t)
    // As often as the undo tries by itself.
    surgery.simulator.faults.set('delete-key', { kind: 'not-found-bare', times: 3 })
    const run = await surgery.run()
    assert.deepEqual([run.exitCode, troubles(run)], [0, ['tsb.tls warning']])
    assert.ok(run.said.some((line) => line.includes('looking again')))
    assertNothingLeft(surgery, run)
  })

  test('the second key, whose create went unanswered', async (t) => {
    const surgery = await openSurgery(t)
    surgery.simulator.faults.set('create-key', { kind: 'reset-after', skip: 1 })
    const run = await surgery.run()
    assert.deepEqual([run.exitCode, run.finding('label.free-again').outcome], [0, 'warning'])
    assertNothingLeft(surgery, run)
  })

  test('a second key that cannot be deleted', async (t) => {
    const { run, simulator } = await openSurgery(t)
    simulator.faults.set('delete-key', { kind: 'status', status: 400, body: { errorCode: 614, reason: 'res.error.operation.forbidden.for.key' }, skip: 1, times: Infinity })
    const { exitCode, diagnosis, finding } = await run()
    assert.deepEqual([exitCode, finding('key.deleted').outcome, finding('label.free-again').outcome], [1, 'passed', 'failed'])
    assert.deepEqual([diagnosis.left?.label, simulator.labels()], [diagnosis.label, [diagnosis.label]])
  })
})

describe('an interruption takes back what was done', () => {
  // The first certificate-request and key-attributes try the credentials.
  const rows: readonly (readonly [call: CallName, skip: number, unsent: CallName])[] = [
    ['version-info', 0, 'create-key'], ['key-attributes', 0, 'create-key'], ['create-key', 0, 'certificate-request'], ['certificate-request', 1, 'key-attestation'],
    ['key-attestation', 0, 'key-attestation'], ['delete-key', 0, 'certificate-download'], ['create-key', 1, 'certificate-download'],
  ]
  for (const [call, skip, unsent] of rows) {
    test(`during ${call}${skip === 0 ? '' : `, the ${skip + 1}. one`}`, async (t) => {
      const surgery = await openSurgery(t)
      const interruption = new AbortController()
      surgery.simulator.faults.set(call, { kind: 'slow', delayMs: 50, skip })
      const running = surgery.run({ interrupted: interruption.signal })
      for (let i = 0; i <= skip; i++) await surgery.simulator.next(call)
      const before = surgery.simulator.requests.length
      interruption.abort()
      const run = await running
      assert.deepEqual([run.exitCode, run.diagnosis.verdict], [1, 'interrupted'])
      assert.equal(surgery.simulator.requests.slice(before).some((each) => each.call === unsent), false)
      assert.deepEqual(run.diagnosis.findings.filter(({ id, outcome }) => outcome === 'failed' && !id.startsWith('tsb.')), [])
      assertNothingLeft(surgery, run)
    })
  }
})

test('an interruption just before the key is created keeps it from being created', async (t) => {
  const surgery = await openSurgery(t)
  const interruption = new AbortController()
  const run = await surgery.run({ interrupted: interruption.signal, say(line) { if (line.startsWith('the throw-away key')) interruption.abort() } })
  assert.deepEqual([run.exitCode, run.finding('bundle.create-key').outcome], [1, 'skipped'])
  assert.equal(surgery.simulator.requests.some(({ call }) => call === 'create-key'), false)
})

test('Ctrl-C at a process of its own, as npm passes it on twice: the key is made, deleted, and standard output is one document', async (t) => {
  const { simulator, env } = await openSurgery(t)
  simulator.faults.set('create-key', { kind: 'slow', delayMs: 200 })
  const created = simulator.next('create-key')
  const child = spawn(process.execPath, [fileURLToPath(new URL('../../src/commands/doctor.ts', import.meta.url)), '--key', 'p-256', '--json'], {
    env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], ...env }, stdio: ['ignore', 'pipe', 'pipe'],
  })
  const forget = reap({ pid: child.pid! })
  t.after(() => { child.kill('SIGKILL') })
  const [output, ended] = [text(child.stdout), once(child, 'exit')]
  let progress = ''
  child.stderr.setEncoding('utf8').on('data', (more: string) => {
    // Two at once would arrive as one.
    if (!progress.includes('SIGINT') && more.includes('SIGINT')) child.kill('SIGINT')
    progress += more
  })
  await created
  child.kill('SIGINT')
  assert.deepEqual(await ended, [1, null])
  forget()
  const { verdict, label, left } = JSON.parse(await output) as Diagnosis
  assert.deepEqual([verdict, left, simulator.labels()], ['interrupted', undefined, []])
  assert.deepEqual(simulator.requests.filter(({ call }) => call === 'create-key' || call === 'delete-key').map(({ call, body }) => [call, (body as { label: string }).label]),
    [['create-key', label], ['delete-key', label]])
  assert.match(progress, new RegExp(`label ${label}: should this process be killed`))
})
