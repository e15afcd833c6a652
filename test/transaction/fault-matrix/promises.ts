import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { verifyBundle } from '../../../src/evidence/verify-evidence.ts'
import { parseTrustAnchors } from '../../../src/evidence/trust-anchors.ts'
import { problemIn } from '../../support/problem.ts'
import { order, type Service } from '../../support/service.ts'
import type { Bench } from './benches.ts'
import { expectedOf, type Expected } from './expected.ts'
import { prepareHsm, publicKeyDigest, type Holdings } from './hsm.ts'
import { quiet } from './lanes.ts'
import { isMet, STEPS, type Cell } from './tables.ts'

/** How long a debt may take to settle: far more than it needs, because a loaded machine proves nothing. */
const SETTLED_WITHIN_MS = 30_000
const STATUS_EVERY_MS = 400

interface Running {
  readonly cell: Cell
  readonly name: string
  readonly service: Service
  readonly hsm: Holdings
  readonly send: () => Promise<Response>
  /** Takes the fault away, and lets arrive what was late. */
  readonly relieve: () => Promise<void>
}

/**
 * Runs one cell, and asserts the promises on what the HSM holds.
 * @param name a label, or prefix, that no other cell's begins with
 */
export async function assertPromises(cell: Cell, { service, strike }: Bench, name: string): Promise<void> {
  await quiet()
  const hsm = await prepareHsm(service.simulator, cell, name)
  const before = await hsm.theirs()
  const { key: { label: _label, ...key }, csr } = order(name)
  const body = { key: { ...key, [cell.label === 'exact' ? 'label' : 'labelPrefix']: name }, csr }
  const send = (): Promise<Response> => service.post(body, cell.idempotent ? { 'idempotency-key': name } : {})

  const lift = await strike(cell, name)
  const relieve = async (): Promise<void> => {
    await lift()
    await service.simulator.releaseLate(name)
  }
  const running: Running = { cell, name, service, hsm, send, relieve }
  const expected = expectedOf(cell)
  const [outcome] = await Promise.allSettled([expected.ends === 'bundle' ? assertBundle(running) : assertProblem(running, expected)])
  // A cell that failed must not be in the way of the next one; why it failed matters more than why this did.
  await relieve().catch(() => undefined)
  // The first promise is asserted whatever else failed.
  assert.deepEqual(await hsm.theirs(), before, 'a key that was there before is not as it was')
  if (outcome.status === 'rejected') throw outcome.reason
}

async function assertBundle({ cell, name, service, hsm, send, relieve }: Running): Promise<void> {
  const { simulator } = service
  const answer = await send()
  const bytes = Buffer.from(await answer.arrayBuffer())
  assert.equal(answer.status, 201, bytes.toString())
  assert.equal(answer.headers.get('content-type'), 'application/zip')
  const [label = '', ...more] = hsm.ours()
  assert.deepEqual(more, [], 'more than one key was made')
  const trustAnchors = parseTrustAnchors(simulator.rootPem, { builtIn: false })
  const { report } = await verifyBundle({ attestationExport: bytes, trustAnchors, verifiedAt: new Date() })
  const { verdict, facts } = report
  const key = publicKeyDigest(simulator, label)
  assert.deepEqual({ verdict, label: facts.label, key: facts.publicKeySha256 }, { verdict: 'passed', label, key })

  await relieve()
  const location = answer.headers.get('location') ?? ''
  const again = await service.get(location)
  assert.deepEqual([again.status, Buffer.from(await again.arrayBuffer())], [200, bytes], 'fetched again, the bundle is another one')
  if (cell.idempotent) {
    const replay = await send()
    assert.deepEqual([replay.status, Buffer.from(await replay.arrayBuffer())], [200, bytes], 'asked for again, the bundle is another one')
  } else if (cell.label === 'exact') {
    assert.equal((await problemIn(await send(), 'key-label-taken')).existing, location)
  }
  assert.deepEqual(hsm.ours(), [label], "the bundle's key is gone, or not alone")
  assert.equal(publicKeyDigest(simulator, label), key, 'the key of this label is not that of the bundle any more')
  if (isMet(cell)) assert.ok(callsMade(service, cell, name) > 1, 'the fault met nothing: this cell proves nothing')
}

/** For the cells whose fault leaves no trace in the answer: a call that was met was made again. */
const callsMade = ({ simulator }: Service, { step }: Cell, name: string): number => simulator.requests.filter(({ call, body }) =>
  call === STEPS[step] && Object.values(body ?? {}).some((value) => typeof value === 'string' && value.startsWith(name))).length

async function assertProblem(running: Running, expected: Expected & { ends: 'problem' }): Promise<void> {
  const { service, hsm, send, relieve } = running
  const answer = await send()
  const left = { keys: hsm.ours(), certificates: hsm.ourCertificates() }
  const problem = await problemIn(answer, expected.code)
  const { id = '', step, rollback = '' } = problem.transaction ?? {}
  assert.deepEqual([step, problem.instance], [expected.step, `/v1/attestation-bundles/${id}`])
  const allowed: readonly string[] = expected.rollback
  assert.ok(allowed.includes(rollback), `rollback is ${rollback}, and should be ${allowed.join(' or ')}`)
  if (rollback !== 'pending') assert.deepEqual(left, { keys: [], certificates: [] }, `rollback was said to be ${rollback}`)

  await relieve()
  if (expected.owedForAnHour) {
    // After the first look nobody has to wait for the later ones.
    await service.logged((line) => line['transaction'] === id && line['msg'] === 'nothing is there yet; it is looked for once more later')
    assert.equal(await statusOf(service, id), 'rollback-owed')
  } else {
    await rolledBack(service, id)
  }
  assert.deepEqual(hsm.ours(), [], 'a key is left after the rollback')
  const certificates = hsm.ourCertificates()
  // The cell beside this one differs in its Idempotency-Key alone, and sends its request again.
  if (running.cell.idempotent) {
    await quiet()
    await assertRetry(running)
  }
  // No promise, but the last line of the undo; asserted last, so that it hides nothing.
  assert.deepEqual(certificates, [], 'a certificate is left after the rollback')
}

async function assertRetry({ cell, hsm, send }: Running): Promise<void> {
  const { keyBefore, label } = cell
  const answer = await send()
  if (keyBefore && label === 'exact') {
    const { transaction } = await problemIn(answer, 'key-label-taken')
    assert.deepEqual([transaction?.rollback, hsm.ours()], ['not-needed', []])
  } else {
    assert.equal(answer.status, 201, await answer.text())
    assert.equal(hsm.ours().length, 1, 'the same request, sent again, should have made one key')
  }
}

async function statusOf(service: Service, id: string): Promise<string> {
  const answer = await service.get(`/v1/attestation-bundles/${id}`, { accept: 'application/json' })
  return (await answer.json() as { status: string }).status
}

/** Waits until a transaction is settled, which must be by a rollback. */
async function rolledBack(service: Service, id: string): Promise<void> {
  const end = Date.now() + SETTLED_WITHIN_MS
  let status = await statusOf(service, id)
  while (status !== 'rolled-back' && status !== 'abandoned' && Date.now() < end) {
    await delay(STATUS_EVERY_MS)
    status = await statusOf(service, id)
  }
  assert.equal(status, 'rolled-back')
}
