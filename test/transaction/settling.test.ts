import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { order, startService, type Service } from '../support/service.ts'

interface Answer { readonly code: string; readonly transaction: { readonly id: string; readonly rollback: string } }

const settled = (id: string) => (line: Readonly<Record<string, unknown>>): boolean => line['transaction'] === id && line['msg'] === 'an owed deletion is settled'
const abandoned = (id: string) => (line: Readonly<Record<string, unknown>>): boolean => line['transaction'] === id && line['event'] === 'abandoned'

async function statusOf(service: Service, id: string): Promise<string> {
  return (await (await service.get(`/v1/attestation-bundles/${id}`, { accept: 'application/json' })).json() as { status: string }).status
}

describe('a deletion that is owed', () => {
  let service: Service
  before(async () => { service = await startService({ env: { TSB_TIMEOUT_MS: '400', TSB_CREATE_KEY_TIMEOUT_MS: '300', SETTLE_AFTER_MS: '900' } }) })
  after(() => service.stop())

  test('finds a key that lands late, after the first look saw nothing', async () => {
    service.simulator.faults.set('create-key', { kind: 'late' })
    const problem = await (await service.post(order('late-1'))).json() as Answer
    assert.equal(problem.transaction.rollback, 'pending')
    await service.simulator.releaseLate()
    assert.deepEqual(service.simulator.labels(), ['late-1'])
    await service.logged(settled(problem.transaction.id))
    assert.deepEqual(service.simulator.labels(), [])
    assert.equal(await statusOf(service, problem.transaction.id), 'rolled-back')
  })

  test('is settled by a second look where nothing ever landed, and frees the label', async () => {
    service.simulator.faults.set('create-key', { kind: 'reset-before' })
    const problem = await (await service.post(order('late-2'))).json() as Answer
    await service.logged(settled(problem.transaction.id))
    assert.equal((await service.post(order('late-2'))).status, 201)
  })

  test('under a label of its own frees the Idempotency-Key after that second look, and is looked for later still', async () => {
    service.simulator.faults.set('create-key', { kind: 'reset-before' })
    const { key, csr } = order('late-3')
    const { label: labelPrefix, ...rest } = key
    const retry = (): Promise<Response> => service.post({ key: { labelPrefix, ...rest }, csr }, { 'idempotency-key': 'late-3' })
    const problem = await (await retry()).json() as Answer
    assert.equal(problem.transaction.rollback, 'pending')
    assert.equal((await (await retry()).json() as Answer).code, 'transaction-in-progress')
    await service.logged((line) => line['transaction'] === problem.transaction.id && line['msg'] === 'nothing is there yet; it is looked for once more later')
    const again = await retry()
    assert.equal(again.status, 201, await again.text())
    assert.equal(await statusOf(service, problem.transaction.id), 'rollback-owed')
  })

  test('is tried on while the TSB refuses', async () => {
    service.simulator.faults.set('certificate-request', { kind: 'hsm-error' })
    service.simulator.faults.set('delete-key', { kind: 'hsm-error', times: 4 })
    const problem = await (await service.post(order('refused-1'))).json() as Answer
    assert.equal(problem.transaction.rollback, 'pending')
    assert.ok(service.simulator.labels().includes('refused-1'))
    await service.logged(settled(problem.transaction.id))
    assert.ok(!service.simulator.labels().includes('refused-1'))
  })
})

describe('a debt at a TSB that is away', () => {
  let service: Service
  before(async () => { service = await startService({ env: { GIVE_UP_AFTER_MS: '1500', SETTLE_AFTER_MS: '500' } }) })
  after(() => service.stop())

  test("is not given up for a gateway's 503, only for the TSB's own refusals", async () => {
    service.simulator.faults.set('certificate-request', { kind: 'hsm-error' })
    service.simulator.faults.set('delete-key', { kind: 'unavailable', times: 12 })
    const problem = await (await service.post(order('away-1'))).json() as Answer
    assert.equal(problem.transaction.rollback, 'pending')
    await service.logged(settled(problem.transaction.id))
    assert.deepEqual(service.simulator.labels(), [])
  })

  test('is given up, loudly, where the TSB itself refuses for long enough', async () => {
    service.simulator.faults.set('certificate-request', { kind: 'hsm-error' })
    service.simulator.faults.set('delete-key', { kind: 'status', status: 400, body: { errorCode: 614 }, times: Infinity })
    const problem = await (await service.post(order('refusing-1'))).json() as Answer
    const line = await service.logged(abandoned(problem.transaction.id))
    assert.deepEqual([line['level'], line['label']], [50, 'refusing-1'])
    assert.equal(await statusOf(service, problem.transaction.id), 'abandoned')
  })
})

describe('a key that cannot be shown to be ours', () => {
  let service: Service
  before(async () => { service = await startService({ env: { TSB_TIMEOUT_MS: '400', TSB_CREATE_KEY_TIMEOUT_MS: '300', SETTLE_AFTER_MS: '900' } }) })
  after(() => service.stop())

  for (const [difference, planted, key] of [
    ['by an attribute', { flags: { modifiable: true } }, {}],
    ['by its use', { useCount: 1 }, {}],
    ['by its age', { created: new Date(Date.now() - 3_600_000) }, {}],
    ['by its password', { password: 'theirs' }, { password: 'ours' }],
  ] as const) {
    test(`is left alone and reported where it differs ${difference}`, async () => {
      const label = `foreign-${difference.replaceAll(' ', '-')}`
      service.simulator.faults.set('create-key', { kind: 'reset-before' })
      const problem = await (await service.post(order(label, key))).json() as Answer
      assert.equal(problem.transaction.rollback, 'pending')
      // Their key appears while our lost create is being settled.
      await service.simulator.addKey({ label, ...planted })
      await service.logged(abandoned(problem.transaction.id))
      assert.ok(service.simulator.labels().includes(label))
      assert.equal(await statusOf(service, problem.transaction.id), 'abandoned')
    })
  }

  test('is left alone where the key we made was replaced by another one before the rollback', async () => {
    // Stands for someone with the management role who deletes and makes anew in the middle of our transaction.
    service.simulator.alter.csr = async (_pem, key) => {
      const { publicKey } = await service.simulator.addKey({ label: 'replacement' })
      Object.assign(key, { publicKey })
      return 'no PEM'
    }
    const problem = await (await service.post(order('replaced'))).json() as Answer
    delete service.simulator.alter.csr
    assert.deepEqual([problem.code, problem.transaction.rollback], ['tsb-invalid-response', 'impossible'])
    assert.ok(service.simulator.labels().includes('replaced'))
  })
})

describe('a label prefix', () => {
  let service: Service
  before(async () => { service = await startService({ simulator: { keepInvalidatedLabels: true }, env: { TSB_CREATE_KEY_TIMEOUT_MS: '300', SETTLE_AFTER_MS: '60000' } }) })
  after(() => service.stop())
  const prefixed = (prefix: string): unknown => {
    const { key, csr } = order('x')
    const { label: _label, ...rest } = key
    return { key: { ...rest, labelPrefix: prefix }, csr }
  }

  test('gives a fresh label without a look, with the transaction id in it', async () => {
    service.simulator.requests.length = 0
    const answer = await service.post(prefixed('seal'), { accept: 'application/json' })
    const { id, label } = await answer.json() as { id: string; label: string }
    assert.equal(answer.status, 201)
    assert.equal(label, `seal-${id}`)
    assert.ok(!service.simulator.requests.some((request) => request.path === '/v1/key/attributes'))
  })

  test('can be tried again on an HSM that keeps invalidated labels, where a label cannot', async () => {
    service.simulator.faults.set('certificate-request', { kind: 'hsm-error', times: 2 })
    assert.equal((await service.post(order('once'))).status, 502)
    assert.equal((await service.post(prefixed('many'))).status, 502)
    const again = await service.post(order('once'))
    const problem = await again.json() as Answer & { detail: string }
    assert.deepEqual([again.status, problem.code, problem.transaction.rollback], [409, 'key-label-taken', 'not-needed'])
    assert.match(problem.detail, /invalidated/)
    assert.equal((await service.post(prefixed('many'))).status, 201)
  })

  test('removes the key of a create whose answer was lost', async () => {
    const before = service.simulator.labels()
    service.simulator.faults.set('create-key', { kind: 'reset-after' })
    const problem = await (await service.post(prefixed('lost'))).json() as Answer
    assert.equal(problem.transaction.rollback, 'done')
    assert.deepEqual(service.simulator.labels(), before)
  })

  test('treats 608 as a copy of its own create, and removes that key', async () => {
    const before = service.simulator.labels()
    service.simulator.faults.set('create-key', { kind: 'status-after', status: 400, body: { errorCode: 608 } })
    const problem = await (await service.post(prefixed('twice'))).json() as Answer
    assert.deepEqual([problem.code, problem.transaction.rollback], ['tsb-error', 'done'])
    assert.deepEqual(service.simulator.labels(), before)
  })
})
