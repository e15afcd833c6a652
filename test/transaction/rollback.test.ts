import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { order, startService, type Service } from '../support/service.ts'
import type { CallName, Fault } from '../../src/simulator/simulator.ts'

interface ProblemAnswer {
  readonly code: string
  readonly status: number
  readonly detail: string
  readonly transaction?: { readonly id: string; readonly step: string; readonly rollback: string }
  readonly upstream?: Record<string, unknown>
  readonly verification?: { readonly checks: readonly { readonly id: string; readonly outcome: string }[] }
}

let service: Service
let count = 0
let label = ''

// Short time-outs, so that a hanging call ends; the settling of a lost create is a minute away and asserted through `pending`.
before(async () => { service = await startService({ env: { TSB_TIMEOUT_MS: '400', TSB_CREATE_KEY_TIMEOUT_MS: '400', SETTLE_AFTER_MS: '60000' } }) })
after(() => service.stop())
beforeEach(() => {
  label = `rollback-${count += 1}`
  service.simulator.faults.clear()
  service.simulator.requests.length = 0
  for (const hook of Object.keys(service.simulator.alter)) delete service.simulator.alter[hook as keyof typeof service.simulator.alter]
})

const sent = (path: string): number => service.simulator.requests.filter((request) => request.path === path).length
const holds = (): boolean => service.simulator.labels().includes(label)

async function failing(call: CallName, fault: Fault, body: unknown = order(label)): Promise<ProblemAnswer> {
  service.simulator.faults.set(call, fault)
  const answer = await service.post(body)
  assert.equal(answer.headers.get('content-type'), 'application/problem+json')
  const problem = await answer.json() as ProblemAnswer
  assert.equal(answer.status, problem.status)
  return problem
}

describe('a failure of the CSR or the attestation', () => {
  const faults: [Fault, string][] = [
    [{ kind: 'reset-before', times: Infinity }, 'tsb-unavailable'],
    [{ kind: 'reset-after', times: Infinity }, 'tsb-unavailable'],
    [{ kind: 'hang-before', times: Infinity }, 'tsb-timeout'],
    [{ kind: 'status', status: 400, body: { errorCode: 600, reason: 'res.error.input.validation.failed', message: 'x' } }, 'tsb-rejected'],
    [{ kind: 'unauthorized-bare', times: Infinity }, 'tsb-unauthorized'],
    [{ kind: 'not-found-bare' }, 'tsb-error'],
    [{ kind: 'hsm-error' }, 'tsb-error'],
    [{ kind: 'unavailable', times: Infinity }, 'tsb-unavailable'],
    [{ kind: 'empty-body' }, 'tsb-invalid-response'],
    [{ kind: 'garbage' }, 'tsb-invalid-response'],
    [{ kind: 'truncated-body', times: Infinity }, 'tsb-unavailable'],
    [{ kind: 'wrong-content' }, 'tsb-invalid-response'],
    [{ kind: 'html' }, 'tsb-invalid-response'],
    [{ kind: 'redirect' }, 'tsb-invalid-response'],
    [{ kind: 'huge' }, 'tsb-invalid-response'],
  ]
  for (const [call, step] of [['certificate-request', 'generate-csr'], ['key-attestation', 'export-attestation']] as const) {
    for (const [fault, code] of faults) {
      test(`removes the key when ${call} meets ${fault.kind}`, async () => {
        const problem = await failing(call, fault)
        assert.deepEqual([problem.code, problem.transaction?.step, problem.transaction?.rollback], [code, step, 'done'])
        assert.match(problem.detail, /On a partition with Key Invalidation the key is invisible, not destroyed, and the label stays taken\.$/)
        assert.equal(holds(), false)
        assert.deepEqual(service.simulator.certificates(), [])
        assert.equal(sent('/v1/key'), 1)
      })
    }
  }
})

describe('a failure of create-key', () => {
  const rejected = { kind: 'status', status: 400, body: { errorCode: 603, reason: 'res.error.input.keysize', message: 'Key size' } } as const
  for (const [fault, code] of [
    [rejected, 'tsb-rejected'],
    [{ kind: 'unauthorized-bare' }, 'tsb-unauthorized'],
    [{ kind: 'status', status: 403, body: { errorCode: 451 } }, 'tsb-unauthorized'],
    [{ kind: 'status', status: 400, body: { errorCode: 608 } }, 'key-label-taken'],
    [{ kind: 'status', status: 409, body: { errorCode: 608 } }, 'key-label-taken'],
  ] as [Fault, string][]) {
    test(`needs no rollback where the TSB documents that nothing happened (${JSON.stringify(fault)})`, async () => {
      const problem = await failing('create-key', fault)
      assert.deepEqual([problem.code, problem.transaction?.rollback], [code, 'not-needed'])
      assert.equal(sent('/v1/key/deleteKey'), 0)
      assert.equal(sent('/v1/key'), 1)
    })
  }

  for (const [fault, code] of [
    [{ kind: 'reset-after' }, 'tsb-unavailable'],
    [{ kind: 'hang-after' }, 'tsb-timeout'],
    [{ kind: 'status-after', status: 500, body: { errorCode: 701 } }, 'tsb-error'],
    [{ kind: 'status-after', status: 503 }, 'tsb-unavailable'],
    [{ kind: 'empty-body' }, 'tsb-invalid-response'],
    [{ kind: 'garbage' }, 'tsb-invalid-response'],
    [{ kind: 'truncated-body' }, 'tsb-unavailable'],
    [{ kind: 'wrong-content' }, 'tsb-invalid-response'],
    [{ kind: 'html' }, 'tsb-invalid-response'],
  ] as [Fault, string][]) {
    test(`removes the key when create-key met ${fault.kind} after the HSM made it`, async () => {
      const problem = await failing('create-key', fault)
      assert.deepEqual([problem.code, problem.transaction?.step, problem.transaction?.rollback], [code, 'create-key', 'done'])
      assert.equal(holds(), false)
      assert.equal(sent('/v1/key'), 1)
    })
  }

  for (const fault of [{ kind: 'reset-before' }, { kind: 'hang-before' }, { kind: 'hsm-error' }, { kind: 'unavailable' }, { kind: 'not-found-bare' }] as Fault[]) {
    test(`keeps the debt and holds the label when create-key met ${fault.kind}: the key may still appear`, async () => {
      const problem = await failing('create-key', fault)
      assert.equal(problem.transaction?.rollback, 'pending')
      const again = await service.post(order(label.toUpperCase()))
      assert.equal(again.status, 409)
      assert.ok(again.headers.get('retry-after'))
      assert.equal((await again.json() as ProblemAnswer).code, 'key-label-taken')
      assert.equal(sent('/v1/key'), 1)
      const shown = await (await service.get(`/v1/attestation-bundles/${problem.transaction.id}`, { accept: 'application/json' })).json() as { status: string }
      assert.equal(shown.status, 'rollback-owed')
    })
  }
})

describe('the key that was there before', () => {
  for (const [name, password, body] of [
    ['without a password', undefined, () => order(label)],
    ['with another password', 'theirs', () => order(label, { password: 'ours' })],
  ] as const) {
    test(`is never touched, ${name}`, async () => {
      const key = await service.simulator.addKey({ label, ...(password !== undefined && { password }) })
      const answer = await service.post(body())
      const problem = await answer.json() as ProblemAnswer
      assert.deepEqual([answer.status, problem.code, problem.transaction?.rollback], [409, 'key-label-taken', 'not-needed'])
      assert.equal(service.simulator.key(label), key)
      assert.deepEqual([sent('/v1/key'), sent('/v1/key/deleteKey')], [0, 0])
    })
  }

  for (const fault of [{ kind: 'not-found-bare' }, { kind: 'html' }, { kind: 'hsm-error' }, { kind: 'unavailable', times: Infinity }, { kind: 'empty-body' }] as Fault[]) {
    test(`may be there when the look is answered by ${fault.kind}, so nothing is created`, async () => {
      const problem = await failing('key-attributes', fault)
      assert.equal(problem.transaction?.step, 'check-label')
      assert.equal(problem.transaction.rollback, 'not-needed')
      assert.equal(sent('/v1/key'), 0)
    })
  }
})

describe('an answer that create-key should not give', () => {
  test('leaves a key alone that was there before, even where the TSB answers create-key with it', async () => {
    service.simulator.alter.createAnswer = (answer) => ({ ...answer, json: { ...answer['json'] as object, createTime: '2020-01-01T00:00:00Z', attestTime: '2026-01-01T00:00:00Z' } })
    const problem = await (await service.post(order(label))).json() as ProblemAnswer
    assert.deepEqual([problem.code, problem.transaction?.rollback], ['key-label-taken', 'not-needed'])
    assert.equal(sent('/v1/key/deleteKey'), 0)
  })
})

describe('evidence that fails a check', () => {
  test('is refused with the check, and the key is gone', async () => {
    service.simulator.alter.attestationXml = (xml) => xml.replace('<extractable>false<', '<extractable>true<')
    const answer = await service.post(order(label))
    const problem = await answer.json() as ProblemAnswer
    assert.deepEqual([answer.status, problem.code, problem.transaction?.rollback], [502, 'evidence-rejected', 'done'])
    assert.deepEqual(problem.verification?.checks.filter((check) => check.outcome === 'failed').map((check) => check.id), ['key.not-extractable'])
    assert.equal(holds(), false)
  })
})

describe('the deletion itself', () => {
  const broken = (): void => service.simulator.faults.set('certificate-request', { kind: 'hsm-error' })

  test('is tried again when the HSM fails once', async () => {
    broken()
    const problem = await failing('delete-key', { kind: 'hsm-error' })
    assert.equal(problem.transaction?.rollback, 'done')
    assert.equal(holds(), false)
  })

  test('counts as done when its answer is lost and a look says that the key is gone', async () => {
    broken()
    const problem = await failing('delete-key', { kind: 'reset-after' })
    assert.equal(holds(), false)
    // The repeated delete is answered 650, which for a key that we saw created needs a second look later.
    assert.equal(problem.transaction?.rollback, 'pending')
  })

  test('stays owed, and is said to be, when the TSB refuses it', async () => {
    broken()
    const problem = await failing('delete-key', { kind: 'hsm-error', times: Infinity })
    assert.equal(problem.transaction?.rollback, 'pending')
    assert.equal(holds(), true)
    assert.match(await (await service.get('/metrics')).text(), /attestation_bundle_rollbacks_owed [1-9]/)
  })

  test('is not done before a look says so: a delete that is only acknowledged stays owed', async () => {
    broken()
    const problem = await failing('delete-key', { kind: 'status', status: 200, times: Infinity })
    assert.equal(problem.transaction?.rollback, 'pending')
    assert.equal(holds(), true)
  })

  test('takes the password of the key', async () => {
    broken()
    const answer = await service.post(order(label, { password: ['p', 'w'] }))
    assert.equal((await answer.json() as ProblemAnswer).transaction?.rollback, 'done')
    assert.deepEqual(service.simulator.requests.find((request) => request.path === '/v1/key/deleteKey')?.body, { label, password: ['p', 'w'] })
    assert.equal(holds(), false)
  })
})
