import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { ProblemCode } from '../../src/errors.ts'
import { problemIn } from '../support/problem.ts'
import { absent, file, HAPPY, hsmError, html, LANDS, LOOK, once, order, recordedAt, recordedTsb, tsbError, UNDO, type StubResponse } from './recorded-tsb.ts'

const tsb = recordedTsb()
const { label, password } = order.key
const csr = 'certificate-request'
const attestation = 'key-attestation'

describe('a failure behind create-key', () => {
  const cases: [typeof csr | typeof attestation, string, StubResponse, ProblemCode][] = [
    [csr, '500 with 701', hsmError('Could not create certificate request: bad DN'), 'tsb-error'],
    [csr, '400 with 411', tsbError(400, 411, 'invalid.certificate.request', 'Could create Certificate Signing request, as the commonName is not specified.'), 'tsb-rejected'],
    [csr, '401 without a body', { status: 401 }, 'tsb-unauthorized'],
    [csr, 'a redirect', { status: 302, headers: { location: '/elsewhere' } }, 'tsb-invalid-response'],
    [csr, '200 with an HTML page', html(200), 'tsb-invalid-response'],
    [csr, '200 without a PEM', { status: 200, jsonBody: { label, certificateSigningRequest: '' } }, 'tsb-invalid-response'],
    [attestation, '500 with 701', hsmError("An attestation key with the name 'attestation-key' does not exist."), 'tsb-error'],
    [attestation, '404 with 650', absent, 'tsb-error'],
    [attestation, '400 with 620', tsbError(400, 620, 'key.password.mismatch', `Key password mismatch for key '${label}'.`), 'tsb-error'],
    [attestation, '200 with an HTML page', html(200), 'tsb-invalid-response'],
    [attestation, '200 with nothing', { status: 200 }, 'tsb-invalid-response'],
    [attestation, 'a zip that is cut off', { status: 200, base64Body: readFileSync(new URL('__files/recorded/attestation.zip', import.meta.url)).subarray(0, 2000).toString('base64') }, 'evidence-rejected'],
  ]
  for (const [call, name, response, code] of cases) {
    test(`takes the key back: ${call} answered with ${name}`, async (t) => {
      await tsb.answer(call, response)
      const problem = await problemIn(await (await tsb.service(t)).post(), code)
      const step = code === 'evidence-rejected' ? 'verify' : call === csr ? 'generate-csr' : 'export-attestation'
      assert.deepEqual([problem.transaction?.step, problem.transaction?.rollback], [step, 'done'])
      // With the only other role, the certificate call is made once more after a 401.
      const made = name === '401 without a body' ? [...LOOK, 'create-key', csr, csr] : HAPPY.slice(0, HAPPY.indexOf(call) + 1)
      assert.deepEqual((await tsb.asked()).slice(0, made.length + UNDO.length), [...made, ...UNDO])
      assert.deepEqual((await tsb.sent('delete-key')).map(({ body }) => body), [{ label, password }])
      assert.deepEqual((await tsb.sent('delete-certificate'))[0]?.path, `/v1/certificate/${label}`)
      assert.equal(await tsb.keyExists(), false)
    })
  }

  test('is told with what the TSB said', async (t) => {
    await tsb.answer(csr, hsmError('Could not create certificate request: bad DN'))
    const problem = await problemIn(await (await tsb.service(t)).post(), 'tsb-error')
    assert.deepEqual(problem.upstream, { status: 500, errorCode: 701, reason: 'res.error.in.hsm', message: 'Could not create certificate request: bad DN' })
    assert.equal(problem.instance, `/v1/attestation-bundles/${problem.transaction?.id}`)
  })

  test('is told without what the TSB said where that holds the password', async (t) => {
    await tsb.answer(csr, hsmError(`keytool failed: -keypass [${password.join(', ')}]`))
    const problem = await problemIn(await (await tsb.service(t)).post(), 'tsb-error')
    assert.deepEqual(problem.upstream, { status: 500, errorCode: 701, reason: 'res.error.in.hsm' })
  })

  test('is overcome where the TSB calls it passing (500 with 103, 503)', async (t) => {
    await tsb.answer(csr, tsbError(500, 103, 'general', 'Could not load key. Access to HSM keystore is not working properly.'), once('csr fails'))
    await tsb.answer(attestation, html(503), once('attestation fails'))
    assert.equal((await (await tsb.service(t)).post()).status, 201)
    assert.deepEqual(await tsb.asked(), [...LOOK, 'create-key', csr, csr, attestation, attestation])
  })

  test('leaves the label free for the next attempt', async (t) => {
    await tsb.answer(csr, hsmError('Could not create certificate request: bad DN'), once('csr fails'))
    const service = await tsb.service(t)
    await problemIn(await service.post(), 'tsb-error')
    assert.equal((await service.post()).status, 201)
    assert.equal(await tsb.keyExists(), true)
  })
})

describe('evidence that does not hold', () => {
  const another = (name: string): StubResponse => file(`another-key/${name}`)
  const hour = 3_600_000
  const cases: [string, readonly [typeof csr | typeof attestation, StubResponse][], { env?: Record<string, string>; later?: number }, readonly string[]][] = [
    ['the attestation is that of another key under the same root', [[attestation, another('attestation.zip')]], {}, ['csr.same-key']],
    ['the CSR is that of another key', [[csr, another('certificate-request.json')]], {}, ['csr.same-key']],
    ['both are those of a key that create-key did not answer', [[attestation, another('attestation.zip')], [csr, another('certificate-request.json')]], {}, ['csr.same-key']],
    ['it is an hour old', [], { later: hour }, ['key.fresh']],
    ['its root is not trusted', [], { env: { TRUST_ANCHORS_FILE: '' } }, ['chain.anchored']],
  ]
  for (const [name, answers, { env, later = 0 }, failed] of cases) {
    test(`is refused with the check that says so, and the key is taken back: ${name}`, async (t) => {
      for (const [call, response] of answers) await tsb.answer(call, response)
      const service = await tsb.service(t, env, () => new Date(recordedAt.getTime() + later))
      const answer = await service.post()
      const { verification } = await answer.clone().json() as { verification: { verdict: string; checks: { id: string; outcome: string }[] } }
      const problem = await problemIn(answer, 'evidence-rejected')
      assert.deepEqual([problem.transaction?.step, problem.transaction?.rollback], ['verify', 'done'])
      assert.deepEqual(verification.checks.filter((check) => check.outcome === 'failed').map((check) => check.id), failed)
      assert.deepEqual(await tsb.asked(), [...HAPPY, ...UNDO])
      assert.equal(await tsb.keyExists(), false)
    })
  }
})

describe('the deletion', () => {
  const csrFails = (): Promise<void> => tsb.answer(csr, hsmError('Could not create certificate request: bad DN'))
  const made = [...LOOK, 'create-key', csr]

  test('is asked for again when the HSM fails once (500 with 701)', async (t) => {
    await csrFails()
    await tsb.answer('delete-key', hsmError('HSM error'), once('delete fails'))
    const problem = await problemIn(await (await tsb.service(t)).post(), 'tsb-error')
    assert.equal(problem.transaction?.rollback, 'done')
    assert.deepEqual(await tsb.asked(), [...made, 'key-attributes', 'delete-key', ...UNDO])
    assert.equal(await tsb.keyExists(), false)
  })

  test('stays owed when the TSB keeps refusing it, and the label is held meanwhile', async (t) => {
    await csrFails()
    await tsb.answer('delete-key', tsbError(400, 614, 'operation.forbidden.for.key', 'The key is not destroyable.'))
    const service = await tsb.service(t)
    const problem = await problemIn(await service.post(), 'tsb-error')
    assert.equal(problem.transaction?.rollback, 'pending')
    assert.match(problem.detail, /keeps trying/)
    assert.equal(await tsb.keyExists(), true)
    assert.ok((await tsb.sent('delete-key')).length > 1)
    const creates = (await tsb.sent('create-key')).length
    const again = await service.post()
    assert.match(again.headers.get('retry-after') ?? '', /^\d+$/)
    await problemIn(again, 'key-label-taken')
    assert.equal((await tsb.sent('create-key')).length, creates)
  })

  test('is repeated after a reset', async (t) => {
    await csrFails()
    await tsb.answer('delete-key', { fault: 'CONNECTION_RESET_BY_PEER' }, once('delete-key breaks'))
    const problem = await problemIn(await (await tsb.service(t)).post(), 'tsb-error')
    assert.equal(problem.transaction?.rollback, 'done')
    assert.deepEqual(await tsb.asked(), [...made, 'key-attributes', 'delete-key', ...UNDO.slice(1)])
    assert.equal(await tsb.keyExists(), false)
  })

  test('stays owed where every answer to it is lost', async (t) => {
    await csrFails()
    await tsb.answer('delete-key', { fault: 'EMPTY_RESPONSE' })
    const problem = await problemIn(await (await tsb.service(t)).post(), 'tsb-error')
    assert.equal(problem.transaction?.rollback, 'pending')
    assert.equal(await tsb.keyExists(), true)
  })

  test('is not believed where the key still answers', async (t) => {
    await csrFails()
    await tsb.answer('delete-key', { status: 200 })
    const problem = await problemIn(await (await tsb.service(t)).post(), 'tsb-error')
    assert.equal(problem.transaction?.rollback, 'pending')
    assert.equal(await tsb.keyExists(), true)
  })

  test('is not believed at once where the TSB says that the key which it made does not exist', async (t) => {
    await csrFails()
    await tsb.answer('delete-key', absent)
    const problem = await problemIn(await (await tsb.service(t)).post(), 'tsb-error')
    assert.equal(problem.transaction?.rollback, 'pending')
    assert.deepEqual(await tsb.asked(), [...made, 'key-attributes', 'delete-key'])
  })

  test('spares a key that took the place of the one that was made', async (t) => {
    await csrFails()
    await tsb.answer('key-attributes', file('another-key/create-key.json'), { scenarioName: 'key', requiredScenarioState: 'exists' })
    const problem = await problemIn(await (await tsb.service(t)).post(), 'tsb-error')
    assert.equal(problem.transaction?.rollback, 'impossible')
    assert.deepEqual(await tsb.asked(), [...made, 'key-attributes'])
    assert.equal(await tsb.keyExists(), true)
  })

  test('is done even if the certificate cannot be deleted', async (t) => {
    await csrFails()
    await tsb.answer('delete-certificate', hsmError('HSM error'))
    const problem = await problemIn(await (await tsb.service(t)).post(), 'tsb-error')
    assert.equal(problem.transaction?.rollback, 'done')
    assert.deepEqual(await tsb.asked(), [...made, ...UNDO])
  })
})

describe('a label of the service\'s own (labelPrefix)', () => {
  const { label: _label, ...key } = order.key
  const { signKeyName: _signKeyName, ...csrBody } = order.csr
  const prefixed = { key: { ...key, labelPrefix: 'recorded' }, csr: csrBody }
  const labelSent = async (): Promise<unknown> => ((await tsb.sent('create-key'))[0]!.body as { label: string }).label

  test('needs no look, and its key is deleted without one', async (t) => {
    await tsb.answer(csr, hsmError('Could not create certificate request: bad DN'))
    const problem = await problemIn(await (await tsb.service(t)).post(prefixed), 'tsb-error')
    assert.equal(problem.transaction?.rollback, 'done')
    assert.deepEqual(await tsb.asked(), ['version-info', 'create-key', csr, 'delete-key', 'key-attributes', 'delete-certificate'])
    assert.equal(await labelSent(), `recorded-${problem.transaction.id}`)
    assert.deepEqual((await tsb.sent('delete-key'))[0]?.body, { label: await labelSent(), password })
  })

  test('can only be taken by a copy of our own create-key (608), which is deleted', async (t) => {
    await tsb.answer('create-key', tsbError(400, 608, 'key.already.existing', 'Could not create key. The key name is already in use.'), LANDS)
    const problem = await problemIn(await (await tsb.service(t)).post(prefixed), 'tsb-error')
    assert.equal(problem.transaction?.rollback, 'done')
    assert.deepEqual(await tsb.asked(), ['version-info', 'create-key', 'delete-key', 'key-attributes'])
    assert.equal(await tsb.keyExists(), false)
  })

  test('is not deleted where the TSB refused to create it', async (t) => {
    await tsb.answer('create-key', tsbError(400, 600, 'input.validation.failed', 'Input validation failed.'))
    const problem = await problemIn(await (await tsb.service(t)).post(prefixed), 'tsb-rejected')
    assert.equal(problem.transaction?.rollback, 'not-needed')
    assert.deepEqual(await tsb.asked(), ['version-info', 'create-key'])
  })
})
