import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { runDoctor } from '../../src/commands/doctor.ts'
import { assertNothingLeft, openSurgery, troubles } from '../support/doctor.ts'

/** What every run against the simulator has: it speaks plain http. */
const HTTP = 'tsb.tls warning'

describe('a TSB that works', () => {
  test('is told from the others by exit code 0, with every check of the evidence, and nothing is left', async (t) => {
    const surgery = await openSurgery(t)
    const run = await surgery.run()
    assert.deepEqual([run.exitCode, run.diagnosis.verdict, troubles(run)], [0, 'works', [HTTP]])
    assert.deepEqual(run.diagnosis.evidence.filter(({ outcome }) => outcome !== 'passed'), [])
    assert.ok(run.diagnosis.evidence.length > 20)
    assert.deepEqual(run.diagnosis.untrusted?.files.map(({ kind }) => kind).sort(), ['certificates', 'publicKey', 'readme', 'signature', 'xml'])
    assertNothingLeft(surgery, run)
  })

  test('is asked for a key only after its label was said', async (t) => {
    const surgery = await openSurgery(t)
    const created = surgery.simulator.next('create-key')
    const said: string[] = []
    const running = surgery.run({ say: (line) => said.push(line) })
    const { label } = (await created).body as { label: string }
    assert.match(label, /^doctor-[0-9a-f-]{36}$/)
    assert.ok(said.some((line) => line.includes(label)), said.join('\n'))
    assert.equal((await running).diagnosis.label, label)
  })

  test('keeps the keys that are there, under labels of the same prefix too', async (t) => {
    const surgery = await openSurgery(t)
    for (const label of ['doctor', 'doctor-1', 'seal']) await surgery.simulator.addKey({ label })
    assert.equal((await surgery.run()).exitCode, 0)
    assert.deepEqual(surgery.simulator.labels(), ['doctor', 'doctor-1', 'seal'])
  })

  test('has its findings, hints and checks shown to a person, coloured only where that is wanted', async (t) => {
    const { env } = await openSurgery(t)
    const show = async (colour: boolean): Promise<string> =>
      (await runDoctor(['--key', 'p-256', '--label-prefix', 'trial'], { env, colour, interrupted: new AbortController().signal, say: () => undefined })).output
    const [plain, coloured] = [await show(false), await show(true)]
    assert.match(plain, /^WORKS {2}http:\/\/127/)
    assert.match(plain, /^ {2}! tsb\.tls {8}Plain http: .*\n {19}→ Set TSB_URL/m)
    assert.match(plain, /^ {2}✓ label\.free-again {2}/m)
    assert.match(plain, /^ {2}✓ chain\.anchored /m)
    assert.match(plain, /^Not found out\n {2}– which firmware/m)
    assert.match(plain, /trial-[0-9a-f-]{36}\.xml \(attestation\)/)
    assert.equal(plain.includes('\u001B'), false)
    assert.match(coloured, /\u001B\[32m✓/)
  })

  test('that keeps a certificate when its key goes, is relieved of that too', async (t) => {
    const surgery = await openSurgery(t, { certificateOutlivesKey: true })
    const run = await surgery.run()
    assertNothingLeft(surgery, run)
    assert.match(run.finding('key.deleted').detail, /certificate that the CSR call left was deleted, too/)
  })

  test('that does not give such a certificate away, has it named', async (t) => {
    const { run, simulator } = await openSurgery(t, { certificateOutlivesKey: true })
    simulator.faults.set('delete-certificate', { kind: 'hsm-error', times: Infinity })
    const { exitCode, finding, diagnosis } = await run()
    assert.deepEqual([exitCode, finding('key.deleted').outcome, simulator.certificates()], [0, 'warning', [diagnosis.label]])
    assert.ok(finding('key.deleted').detail.includes(`a certificate may be left under the label ${diagnosis.label}`))
  })
})

describe('settings', () => {
  const plain = { colour: false, interrupted: new AbortController().signal, say: () => undefined }

  test('of callers, journal and HTTP are not asked for, and not read', async (t) => {
    const { run } = await openSurgery(t)
    assert.equal((await run({ env: { AUTH_MODE: 'jwt', JOURNAL_URL: 'no-url', TLS_CERT_FILE: '/nowhere', PORT: 'x', JOURNAL_ENCRYPTION_KEY_FILE: '/nowhere' } })).exitCode, 0)
  })

  test('that are wrong end it with 78 and all faults, before anything is sent', async () => {
    const { exitCode, output } = await runDoctor(['--json'], { ...plain, env: { TSB_URL: 'ftp://x', TSB_CA_FILE: '/nowhere' } })
    assert.equal(exitCode, 78)
    assert.deepEqual(JSON.parse(output), { error: ['TSB_URL: must be a URL that starts with https:// (or http://)', 'TSB_CA_FILE: the file cannot be read (ENOENT)'] })
  })

  test('missing end it the same way', async () => {
    assert.deepEqual(await runDoctor([], { ...plain, env: {} }), { exitCode: 78, output: 'TSB_URL: must be set (https://…)\n' })
  })

  test('words that it does not know end it with 2 and the usage', async () => {
    for (const words of [['--key', 'dsa'], ['--key', 'toString'], ['--label-prefix', 'a/b'], ['--label-prefix', ''], ['more'], ['--force']]) {
      const { exitCode, output } = await runDoctor(words, { ...plain, env: {} })
      assert.equal(exitCode, 2, words.join(' '))
      assert.match(output, /^usage: npm run doctor/)
    }
  })
})

describe('what a TSB is', () => {
  test('too old: nothing is created', async (t) => {
    const { run, simulator } = await openSurgery(t, { version: '1.17.0.20231106T101500' })
    const { exitCode, finding } = await run()
    assert.equal(exitCode, 1)
    assert.match(finding('tsb.version').detail, /^TSB 1\.17\.0\S* is older than 1\.17\.1/)
    assert.deepEqual([finding('bundle.create-key').outcome, finding('key.deleted').outcome], ['skipped', 'skipped'])
    assert.equal(simulator.requests.some(({ call }) => call === 'create-key'), false)
  })

  test('old enough not to know organizationIdentifier: a warning', async (t) => {
    const { exitCode, finding, diagnosis } = await (await openSurgery(t, { version: '2.0.1' })).run()
    assert.deepEqual([exitCode, finding('tsb.version').outcome, diagnosis.tsb.version], [0, 'warning', '2.0.1'])
  })

  test('without the licence for keys: the flags, and what is refused', async (t) => {
    const { exitCode, finding, diagnosis } = await (await openSurgery(t, { clientFlags: ['TSB_ENGINE'] })).run()
    assert.deepEqual([exitCode, diagnosis.tsb.licence, finding('tsb.licence').outcome], [1, ['TSB_ENGINE'], 'warning'])
    assert.match(finding('bundle.create-key').hint ?? '', /REST_API/)
  })
})

describe('what an HSM is', () => {
  test('with Key Invalidation: the label stays taken, which is a warning', async (t) => {
    const surgery = await openSurgery(t, { keepInvalidatedLabels: true })
    const run = await surgery.run()
    assert.deepEqual([run.exitCode, troubles(run)], [0, [HTTP, 'label.free-again warning']])
    assert.match(run.finding('label.free-again').detail, /Key Invalidation/)
    assert.match(run.finding('label.free-again').hint ?? '', /labelPrefix/)
    assertNothingLeft(surgery, run)
  })

  test('that refuses to delete: exit code 1, and the label of what is left, said aloud', async (t) => {
    const { run, simulator } = await openSurgery(t)
    simulator.faults.set('delete-key', { kind: 'status', status: 400, body: { errorCode: 614, reason: 'res.error.operation.forbidden.for.key' }, times: Infinity })
    const { exitCode, diagnosis, finding, said } = await run()
    assert.deepEqual([exitCode, diagnosis.verdict, simulator.labels()], [1, 'fails', [diagnosis.label]])
    assert.deepEqual(diagnosis.left, { label: diagnosis.label, reason: 'the TSB answered delete-key with 400 and code 614' })
    assert.deepEqual([finding('bundle.pack').outcome, finding('key.deleted').outcome, finding('label.free-again').outcome], ['passed', 'failed', 'skipped'])
    assert.match(finding('key.deleted').hint ?? '', /Object Destruction/)
    assert.match(said.at(-1) ?? '', new RegExp(`^A KEY MAY BE LEFT AT THE HSM: label ${diagnosis.label} `))
  })

  test('that only says that it deleted: exit code 1, and the label of what is left', async (t) => {
    const { run, simulator } = await openSurgery(t)
    simulator.faults.set('delete-key', { kind: 'status', status: 200, times: Infinity })
    const { exitCode, diagnosis } = await run()
    assert.deepEqual([exitCode, diagnosis.left?.reason], [1, 'the TSB said that it deleted the key, but the key still answers'])
    assert.deepEqual(simulator.labels(), [diagnosis.label])
  })

  for (const rootInChain of [true, false]) {
    test(`under another root, which ${rootInChain ? 'came along' : 'did not come'}: the fingerprint of the end of the chain, as untrusted`, async (t) => {
      const surgery = await openSurgery(t, { rootInChain })
      const run = await surgery.run({ env: { TRUST_ANCHORS_FILE: undefined } })
      const { pki } = surgery.simulator
      const sha256 = createHash('sha256').update(rootInChain ? pki.root.der : pki.device.der).digest('hex')
      assert.equal(run.exitCode, 1)
      assert.deepEqual(run.diagnosis.untrusted?.tops.map((top) => [top.sha256, top.selfSigned]), [[sha256, rootInChain]])
      const { outcome, detail, hint } = run.finding('hsm.anchor')
      assert.equal(outcome, 'failed')
      assert.ok(detail.includes(`UNTRUSTED, at the end of what came: CN=PRIMUS${rootInChain ? '_HSM_ROOTKEY' : ' HSM KEY'}`), detail)
      assert.ok(detail.includes(sha256.toUpperCase().match(/../g)!.join(':')), detail)
      assert.equal(detail.includes('which did not come along'), !rootInChain)
      assert.match(hint ?? '', /article 147.*TRUST_ANCHORS_FILE/)
      assert.deepEqual(run.diagnosis.evidence.filter((check) => check.outcome === 'failed').map(({ id }) => id), ['chain.anchored'])
      assertNothingLeft(surgery, run)
    })
  }

  test('whose clock is an hour ahead: by how much, and the check that fails', async (t) => {
    const surgery = await openSurgery(t, { clock: () => new Date(Date.now() + 3_600_000) })
    const run = await surgery.run()
    assert.equal(run.exitCode, 1)
    assert.deepEqual(run.diagnosis.evidence.filter(({ outcome }) => outcome === 'failed').map(({ id }) => id), ['key.fresh'])
    const { from, to } = run.diagnosis.clockOffsetSeconds!
    assert.ok(from <= 3_600 && 3_600 <= to && to - from < 5, `${from} to ${to}`)
    assert.equal(run.finding('hsm.clock').outcome, 'failed')
    assert.match(run.finding('bundle.verify').hint ?? '', /NTP/)
    assertNothingLeft(surgery, run)
  })

  test('whose clock is some minutes behind: a warning', async (t) => {
    const { exitCode, finding } = await (await openSurgery(t, { clock: () => new Date(Date.now() - 200_000) })).run()
    assert.deepEqual([exitCode, finding('hsm.clock').outcome], [0, 'warning'])
    assert.match(finding('hsm.clock').detail, /^The HSM's clock is 20\d\.\d s behind to (199|20\d)\.\d s behind this machine's/)
  })

  test('that does not do as asked: the check that says so', async (t) => {
    const { run } = await openSurgery(t, { alter: { attestationXml: (xml) => xml.replace('<copyable>false', '<copyable>true') } })
    const { exitCode, finding } = await run()
    assert.equal(exitCode, 1)
    assert.equal(finding('bundle.verify').detail, 'Checks that failed: key.not-copyable.')
    assert.match(finding('bundle.verify').hint ?? '', /what-the-evidence-proves/)
  })
})

test('a secret that the TSB repeats is not passed on', async (t) => {
  const { run, simulator } = await openSurgery(t, { clientFlags: ['REST_API', 'planted-key-7f3a'], apiKeys: { keyManagement: ['planted-key-7f3a'] } })
  simulator.alter.exportFiles = (files) => new Map([...files, ['planted-key-7f3a.txt', Buffer.from('x')]])
  const { exitCode, text, finding } = await run({ env: { TSB_KEY_MANAGEMENT_API_KEYS: 'planted-key-7f3a' } })
  assert.equal(exitCode, 0)
  assert.equal(text.includes('planted-key'), false, text)
  assert.match(finding('export.files').detail, /repeats a secret/)
})
