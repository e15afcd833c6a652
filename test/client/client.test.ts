import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, beforeEach, describe, test } from 'node:test'
import { BundleProblem, NoAnswer, openBundleClient, type BundleClient, type ClientSettings, type Order, type Problem, type Retry } from '../../src/client/client.ts'
import { PROBLEMS, type ProblemCode } from '../../src/errors.ts'
import { startService, type Service } from '../support/service.ts'
import { openFaultyFront, type Fault, type FaultyFront } from './faulty-front.ts'

let service: Service
let front: FaultyFront
before(async () => {
  service = await startService()
  front = await openFaultyFront(service.url, '/gateway')
})
after(async () => {
  front.close()
  await service.stop()
})
beforeEach(() => {
  front.reset()
  service.simulator.faults.clear()
})

const seal: Order = {
  key: { algorithm: 'EC', curveOid: '1.2.840.10045.3.1.7' },
  csr: { standardCertificateAttributes: { commonName: 'Acme Seal', country: 'CH', organizationName: 'Acme AG' } },
}

/** A client whose pauses take no time; what it would have waited is in `retries`. */
function clientFor(settings: Partial<ClientSettings> = {}): { client: BundleClient; retries: Retry[] } {
  const retries: Retry[] = []
  const client = openBundleClient({ url: front.url, wait: () => front.settled(), retrying: (retry) => void retries.push(retry), ...settings })
  return { client, retries }
}

const problem = (code: ProblemCode, headers: Record<string, string> = {}, more: Partial<Problem> = {}): Fault => ({
  kind: 'answer', status: PROBLEMS[code].status, headers: { 'content-type': 'application/problem+json', ...headers },
  body: JSON.stringify({ type: `urn:problem:attestation-bundle:${code}`, title: PROBLEMS[code].title, status: PROBLEMS[code].status, detail: 'planted', code, ...more }),
})
const page = (status: number, headers: Record<string, string> = {}): Fault => ({ kind: 'answer', status, headers: { 'content-type': 'text/html', ...headers }, body: '<html>gateway</html>' })

/** Keys at the HSM whose label begins so. */
const keysOf = (prefix: string): string[] => service.simulator.labels().filter((label) => label.startsWith(`${prefix}-`))

describe('an order', () => {
  test('gives the bundle of a key whose label is the prefix and the transaction\'s id', async () => {
    const { client } = clientFor()
    const bundle = await client.issue('plain', seal)
    assert.deepEqual(keysOf('plain'), [bundle.label])
    assert.equal(bundle.label, `plain-${bundle.id}`)
    assert.equal(bundle.fileName, `${bundle.label}-attestation-bundle.zip`)
    assert.equal(bundle.sha256, createHash('sha256').update(bundle.bytes).digest('hex'))
    assert.equal(bundle.replayed, false)
    assert.equal(front.asked[0]!.path, '/gateway/v1/attestation-bundles')
    assert.equal(front.asked[0]!.headers['idempotency-key'], bundle.idempotencyKey)
    assert.match(bundle.idempotencyKey, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    assert.ok(Buffer.from((await client.bundle(bundle.id)).bytes).equals(bundle.bytes))
  })

  const faults: Readonly<Record<string, readonly Fault[]>> = {
    'a request that never arrives': [{ kind: 'refused' }],
    'an answer that is lost': [{ kind: 'lost' }],
    'an answer cut in the middle': [{ kind: 'cut' }],
    'an answer with one wrong bit': [{ kind: 'altered' }],
    'a caller cut off while the service works': [{ kind: 'left' }],
    'overloaded, then an answer that is lost': [problem('overloaded', { 'retry-after': '5' }), { kind: 'lost' }],
    'a gateway that has no service': [page(502), page(503, { 'retry-after': '1' }), page(504)],
    'too many requests': [page(429, { 'retry-after': '2' })],
    'four faults in a row': [{ kind: 'cut' }, { kind: 'altered' }, problem('shutting-down', { 'retry-after': '5' }), { kind: 'lost' }],
  }
  for (const [name, played] of Object.entries(faults)) {
    test(`makes exactly one key and gives its bundle in spite of ${name}`, async () => {
      const { client, retries } = clientFor()
      const prefix = `once-${Object.keys(faults).indexOf(name)}`
      front.play(...played)
      const bundle = await client.issue(prefix, seal)
      assert.deepEqual(keysOf(prefix), [bundle.label])
      assert.equal(bundle.sha256, createHash('sha256').update(bundle.bytes).digest('hex'))
      assert.equal(front.asked.length, played.length + 1)
      assert.equal(new Set(front.asked.map(({ headers }) => headers['idempotency-key'])).size, 1)
      assert.deepEqual(retries.map(({ attempt }) => attempt), played.map((_, i) => i + 1))
      assert.equal(bundle.replayed, played.some(({ kind }) => ['lost', 'cut', 'altered', 'left'].includes(kind)))
    })
  }

  test('waits for the transaction of its own Idempotency-Key that still runs', async () => {
    const arrived = service.simulator.next('create-key')
    service.simulator.faults.set('create-key', { kind: 'slow', delayMs: 300 })
    const { client, retries } = clientFor({ wait: async () => { if (retries.length > 1) await front.settled(); else await arrived } })
    front.play({ kind: 'left' })
    const bundle = await client.issue('running', seal)
    assert.deepEqual(retries.map(({ error }) => (error instanceof BundleProblem ? error.code : error.name)), ['NoAnswer', 'transaction-in-progress'])
    assert.ok(retries[1]!.pauseMs >= 5_000 && retries[1]!.pauseMs <= 6_250, `${retries[1]!.pauseMs} ms`)
    assert.deepEqual(keysOf('running'), [bundle.label])
    assert.equal(bundle.replayed, true)
  })

  test('is made anew under the same Idempotency-Key after the service took it back', async () => {
    service.simulator.faults.set('key-attestation', { kind: 'unavailable', times: 3 })
    const { client, retries } = clientFor()
    const bundle = await client.issue('again', seal)
    const [first] = retries
    assert.ok(first?.error instanceof BundleProblem)
    assert.deepEqual([first.error.code, first.error.transaction?.rollback], ['tsb-unavailable', 'done'])
    assert.deepEqual(keysOf('again'), [bundle.label])
    assert.equal(bundle.replayed, false)
  })

  test('with an Idempotency-Key of before gives the bundle of before', async () => {
    const { client } = clientFor()
    const [first, second] = [await client.issue('kept', seal, { idempotencyKey: 'order-1' }), await client.issue('kept', seal, { idempotencyKey: 'order-1' })]
    assert.deepEqual([second.id, second.sha256, second.replayed], [first.id, first.sha256, true])
    assert.deepEqual(keysOf('kept'), [first.label])
  })

  test('can have a label of its own', async () => {
    const bundle = await clientFor().client.issueUnderLabel('own-label-1', seal)
    assert.equal(bundle.label, 'own-label-1')
    assert.ok(service.simulator.labels().includes('own-label-1'))
  })

  test('asks for its credential before each try', async () => {
    let asked = 0
    const { client } = clientFor({ authorization: async () => `Bearer token-${++asked}` })
    front.play({ kind: 'refused' })
    await client.issue('credential', seal)
    assert.deepEqual(front.asked.map(({ headers }) => headers.authorization), ['Bearer token-1', 'Bearer token-2'])
  })
})

/** Rejects with a problem of this code, after this many tries. */
async function refusal(promise: Promise<unknown>, code: ProblemCode, attempts = 1): Promise<BundleProblem> {
  const error = await promise.then(() => assert.fail('it succeeded'), (thrown: unknown) => thrown)
  assert.ok(error instanceof BundleProblem, String(error))
  assert.deepEqual([error.code, error.status, error.title, error.attempts], [code, PROBLEMS[code].status, PROBLEMS[code].title, attempts])
  assert.equal(front.asked.length, attempts)
  return error
}

describe('what cannot succeed is not tried again', () => {
  test('a field that is refused, named by its pointer', async () => {
    const error = await refusal(clientFor().client.issue('no blanks', seal), 'invalid-request')
    assert.deepEqual(error.errors.map(({ pointer }) => pointer), ['/key/labelPrefix'])
    assert.equal(error.transaction, undefined)
  })
  test('a key that nobody accepts', async () => {
    await refusal(clientFor().client.issue('refused', { ...seal, key: { ...seal.key, attributes: { extractable: true } } }), 'key-not-attestable')
  })
  test('a label that is taken, with the bundle that took it', async () => {
    const { client } = clientFor()
    const { id } = await client.issueUnderLabel('taken', seal)
    front.reset()
    const error = await refusal(client.issueUnderLabel('taken', seal), 'key-label-taken')
    assert.deepEqual([error.existing, error.transaction?.rollback], [`/v1/attestation-bundles/${id}`, 'not-needed'])
  })
  test('an Idempotency-Key of another order', async () => {
    const { client } = clientFor()
    await client.issue('first', seal, { idempotencyKey: 'order-2' })
    front.reset()
    assert.equal((await refusal(client.issue('second', seal, { idempotencyKey: 'order-2' }), 'idempotency-key-reused')).idempotencyKey, 'order-2')
  })
  test('a TSB that failed, with what it said and what is left', async () => {
    service.simulator.faults.set('key-attestation', { kind: 'hsm-error' })
    const error = await refusal(clientFor().client.issue('failed', seal), 'tsb-error')
    assert.deepEqual([error.upstream?.errorCode, error.transaction?.step, error.transaction?.rollback], [701, 'export-attestation', 'done'])
    assert.deepEqual(keysOf('failed'), [])
  })
  test('evidence that does not hold, with every check', async () => {
    service.simulator.alter.signature = (signature) => signature.with(-1, signature.at(-1)! ^ 1)
    const error = await refusal(clientFor().client.issue('forged', seal), 'evidence-rejected').finally(() => { delete service.simulator.alter.signature })
    assert.deepEqual(error.verification?.checks.filter(({ outcome }) => outcome === 'failed').map(({ id }) => id), ['signature.valid'])
  })
  test('a key that is left and may not be deleted: another try could leave one more', async () => {
    front.play(problem('tsb-unavailable', { 'retry-after': '1' }, { transaction: { id: 'x', step: 'generate-csr', rollback: 'impossible' } }))
    assert.equal((await refusal(clientFor().client.issue('left', seal), 'tsb-unavailable')).transaction?.rollback, 'impossible')
  })
  test('a credential that is refused', async () => {
    front.play(problem('unauthenticated', { 'www-authenticate': 'Bearer' }))
    await refusal(clientFor().client.issue('nobody', seal), 'unauthenticated')
  })
  test('a pause longer than the longest is left to the caller', async () => {
    front.play(problem('overloaded', { 'retry-after': '31' }))
    assert.equal((await refusal(clientFor().client.issue('later', seal), 'overloaded')).retryAfterSeconds, 31)
  })

  for (const [name, fault, status] of [
    ['a redirect', { kind: 'answer', status: 307, headers: { location: 'http://127.0.0.1:9/' } }, 307],
    ['a page with status 200', page(200), 200],
    ['a page with status 403', page(403), 403],
    ['a zip without repr-digest', { kind: 'without', header: 'repr-digest' }, 201],
  ] as const) {
    test(`${name}: not an answer of the service`, async () => {
      front.play(fault)
      const thrown = await clientFor().client.issue('foreign', seal).then(() => assert.fail('it succeeded'), (error: unknown) => error)
      assert.ok(thrown instanceof NoAnswer)
      assert.deepEqual([thrown.reason, thrown.status, thrown.attempts, front.asked.length], ['foreign', status, 1, 1])
    })
  }

  test('an Idempotency-Key or a URL that is none is refused before anything is sent', async () => {
    await assert.rejects(clientFor().client.issue('x', seal, { idempotencyKey: 'ä' }), { name: 'TypeError', message: /Idempotency-Key/ })
    assert.throws(() => openBundleClient({ url: 'ftp://example.org' }), { name: 'TypeError', message: /http/ })
    assert.deepEqual(front.asked, [])
  })
})

describe('tries end', () => {
  test('after as many as allowed, with the Idempotency-Key to ask again, and that makes one key', async () => {
    const { client, retries } = clientFor({ attempts: 3 })
    front.play({ kind: 'lost' }, problem('overloaded', { 'retry-after': '5' }), problem('shutting-down', { 'retry-after': '5' }))
    const error = await refusal(client.issue('bounded', seal), 'shutting-down', 3)
    assert.ok(error.cause instanceof BundleProblem && error.cause.code === 'overloaded')
    assert.equal(retries.length, 2)
    const bundle = await client.issue('bounded', seal, { idempotencyKey: error.idempotencyKey! })
    assert.equal(bundle.replayed, true)
    assert.deepEqual(keysOf('bounded'), [bundle.label])
  })

  test('with pauses as answers ask, or longer each time, none the same as another\'s', async () => {
    const { client, retries } = clientFor({ attempts: 6, longestPauseMs: 6_000 })
    front.play({ kind: 'refused' }, { kind: 'refused' }, problem('overloaded', { 'retry-after': '4' }), page(503, { 'retry-after': new Date(Date.now() + 3_000).toUTCString() }), page(504))
    await client.issue('pauses', seal)
    const bounds = [[250, 500], [500, 1_000], [4_000, 5_000], [1_000, 3_750], [3_000, 6_000]]
    retries.forEach(({ pauseMs }, i) => assert.ok(pauseMs >= bounds[i]![0]! && pauseMs <= bounds[i]![1]!, `pause ${i + 1}: ${pauseMs}`))
    assert.equal(retries.length, 5)
    assert.ok(retries.some(({ pauseMs }) => !Number.isInteger(pauseMs)))
  })

  test('in a pause and in a request when the signal says so, with its reason', async () => {
    const inPause = new AbortController()
    front.play(problem('overloaded', { 'retry-after': '30' }))
    const pausing = openBundleClient({ url: front.url, retrying: () => setImmediate(() => { inPause.abort(new Error('enough')) }) })
    const began = performance.now()
    await assert.rejects(pausing.issue('abort', seal, { signal: inPause.signal }), { message: 'enough' })
    assert.equal(front.asked.length, 1)
    assert.ok(performance.now() - began < 20_000, 'it waited out the pause of 30 s')

    const inRequest = new AbortController()
    const arrived = service.simulator.next('create-key')
    service.simulator.faults.set('create-key', { kind: 'slow', delayMs: 200 })
    const { client, retries } = clientFor()
    const asking = client.issue('abort', seal, { signal: inRequest.signal, idempotencyKey: 'order-3' })
    await arrived
    inRequest.abort(new Error('no more'))
    await assert.rejects(asking, { message: 'no more' })
    assert.deepEqual(retries, [])
    // What had begun with an Idempotency-Key goes on, and is found again.
    await front.settled()
    const bundle = await client.issue('abort', seal, { idempotencyKey: 'order-3' })
    assert.equal(bundle.replayed, true)
    assert.deepEqual(keysOf('abort'), [bundle.label])
  })

  test('when one takes too long, another begins', async () => {
    const { client, retries } = clientFor({ answerWithinMs: 2_000 })
    front.play({ kind: 'silent' })
    await client.issue('silent', seal)
    assert.equal(retries.length, 1)
    assert.ok(retries[0]!.error instanceof NoAnswer && retries[0]!.error.reason === 'unreachable' && /2000 ms/.test(retries[0]!.error.message))
  })
})

describe('a lost answer is found again', () => {
  test('by id as bundle and as transaction, by the beginning of its label, and by its label', async () => {
    const { client } = clientFor()
    const [first, second] = [await client.issue('found', seal), await client.issue('found', seal)]
    front.play({ kind: 'refused' })
    assert.deepEqual((await client.list('found')).map(({ id }) => id), [second.id, first.id])
    front.play({ kind: 'cut' })
    assert.deepEqual(await client.bundle(first.id), { id: first.id, label: first.label, fileName: first.fileName, bytes: first.bytes, sha256: first.sha256 })
    front.play({ kind: 'cut' })
    const transaction = await client.transaction(first.id)
    assert.deepEqual([transaction.status, transaction.label, transaction.bundle?.sha256, transaction.verification?.verdict], ['completed', first.label, first.sha256, 'passed'])
    assert.equal((await client.bundleOf(second.label))?.sha256, second.sha256)
    assert.equal(await client.bundleOf('found'), undefined)
    assert.deepEqual(front.asked.filter(({ method, headers }) => (method === 'POST') !== (headers['idempotency-key'] !== undefined)), [])
  })

  test('and what is not there is a problem', async () => {
    await refusal(clientFor().client.transaction('no-such-id'), 'not-found')
    front.reset()
    service.simulator.faults.set('certificate-request', { kind: 'hsm-error' })
    const failed = await refusal(clientFor().client.issueUnderLabel('not-kept', seal), 'tsb-error')
    front.reset()
    await refusal(clientFor().client.bundle(failed.transaction!.id), 'bundle-not-available')
  })
})
