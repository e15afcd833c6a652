import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { Value } from 'typebox/value'
import { TransactionList, TransactionView } from '../../src/routes/schemas/answers.ts'
import { problemIn } from '../support/problem.ts'
import { order, startService, type Service } from '../support/service.ts'

let service: Service
let days = 0
before(async () => { service = await startService({ now: () => new Date(Date.now() + days * 86_400_000) }) })
after(() => service.stop())

const BUNDLES = '/v1/attestation-bundles'
const JSON_ONLY = { accept: 'application/json' }

const bytesOf = async (answer: Response): Promise<Buffer> => Buffer.from(await answer.arrayBuffer())

/** Asserts that a value is a transaction as documented, with no member that is not. */
function viewIn(value: unknown): TransactionView {
  assert.deepEqual([...Value.Errors(TransactionView, value)], [])
  assert.deepEqual(Value.Clean(TransactionView, structuredClone(value)), value)
  return value as TransactionView
}

async function issue(body: unknown, headers: Record<string, string> = {}): Promise<{ answer: Response; bytes: Buffer; location: string }> {
  const answer = await service.post(body, headers)
  const bytes = await bytesOf(answer)
  assert.equal(answer.status, 201, answer.status === 201 ? '' : bytes.toString())
  return { answer, bytes, location: answer.headers.get('location') ?? '' }
}

function assertZipHeaders({ headers }: Response, bytes: Buffer, label: string): void {
  assert.equal(headers.get('content-type'), 'application/zip')
  assert.equal(headers.get('content-disposition'), `attachment; filename="${label}-attestation-bundle.zip"`)
  assert.equal(headers.get('repr-digest'), `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`)
  assert.equal(headers.get('content-length'), String(bytes.length))
  assert.equal(headers.get('cache-control'), 'no-store')
  assert.equal(headers.get('vary'), 'accept')
}

describe('the answer to a POST', () => {
  test('the seed\'s two bodies give a zip with all its headers', async () => {
    const body = await readFile(new URL('../../examples/request.json', import.meta.url), 'utf8')
    const { answer, bytes, location } = await issue(body)
    assertZipHeaders(answer, bytes, 'seal-2026-01')
    assert.match(location, /^\/v1\/attestation-bundles\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    assert.equal(answer.headers.get('idempotency-replayed'), null)
    assert.equal(bytes.subarray(0, 4).toString('latin1'), 'PK\u0003\u0004')
  })

  test('a caller who prefers JSON gets the transaction', async () => {
    const { answer, bytes, location } = await issue(order('answer-json'), JSON_ONLY)
    assert.equal(answer.headers.get('content-type'), 'application/json')
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    const view = viewIn(JSON.parse(bytes.toString()))
    assert.equal(location, `${BUNDLES}/${view.id}`)
    assert.deepEqual([view.status, view.label, view.verification?.verdict], ['completed', 'answer-json', 'passed'])
    assert.deepEqual(view.steps.map(({ name }) => name),
      ['check-label', 'create-key', 'generate-csr', 'export-attestation', 'verify', 'pack', 'commit'])
    assert.deepEqual(viewIn(await (await service.get(location, JSON_ONLY)).json()).steps, view.steps)
    const zip = await bytesOf(await service.get(location))
    assert.deepEqual(view.bundle, {
      fileName: 'answer-json-attestation-bundle.zip', size: zip.length, sha256: createHash('sha256').update(zip).digest('hex'), href: location,
    })
    assert.ok(Date.parse(view.completedAt ?? '') >= Date.parse(view.createdAt))
  })

  test('a password is in no byte of the bundle and in no line of the log', async () => {
    const password = 'Planted-Secret~9'
    const { bytes, location } = await issue(order('secret-seal', { password }, { keyPassword: [...password] }))
    const everything = bytes.toString('latin1') + await (await service.get(location, JSON_ONLY)).text() + JSON.stringify(service.log)
    for (const form of [password, JSON.stringify([...password]), [...password].join(', '), [...password].join(','),
      Buffer.from(password).toString('base64')]) {
      assert.equal(everything.includes(form), false, form)
    }
  })
})

describe('a transaction is found again', () => {
  test('GET gives the same bytes and headers, HEAD the headers alone', async () => {
    const { bytes, location } = await issue(order('again'))
    const again = await service.get(location)
    assert.equal(again.status, 200)
    const second = await bytesOf(again)
    assert.ok(second.equals(bytes))
    assertZipHeaders(again, second, 'again')
    const head = await fetch(service.url + location, { method: 'HEAD' })
    assert.equal(head.status, 200)
    assertZipHeaders(head, bytes, 'again')
    assert.equal(await head.text(), '')
  })

  test('GET gives the transaction where JSON is preferred', async () => {
    const { location } = await issue(order('again-json'))
    const answer = await service.get(location, { accept: 'application/json, application/zip;q=0.9' })
    assert.equal(answer.headers.get('content-type'), 'application/json')
    assert.equal(viewIn(await answer.json()).label, 'again-json')
  })

  test('the list finds exact labels and prefixes, newest first, and nothing else', async () => {
    for (const label of ['list-a', 'list-ab', 'list-b', 'other-list-a']) await issue(order(label))
    const list = async (label: string): Promise<string[]> => {
      const answer = await service.get(`${BUNDLES}?label=${label}`)
      assert.equal(answer.headers.get('content-type'), 'application/json')
      assert.equal(answer.headers.get('cache-control'), 'no-store')
      const body = await answer.json() as { transactions: unknown[] }
      assert.deepEqual([...Value.Errors(TransactionList, body)], [])
      return body.transactions.map((each) => viewIn(each).label)
    }
    assert.deepEqual(await list('list-a'), ['list-ab', 'list-a'])
    assert.deepEqual(await list('list-'), ['list-b', 'list-ab', 'list-a'])
    assert.deepEqual(await list('list-abc'), [])
    assert.deepEqual(await list('LIST-A'), [])
  })

  test('a failed transaction has no bundle, and its JSON is 200 all the same', async () => {
    service.simulator.faults.set('certificate-request',
      { kind: 'status', status: 400, body: { errorCode: 600, reason: 'res.error.input.validation.failed', message: 'no' } })
    const failed = await problemIn(await service.post(order('never-made')), 'tsb-rejected')
    const location = failed.instance ?? ''
    assert.equal(location, `${BUNDLES}/${failed.transaction?.id ?? ''}`)
    const problem = await problemIn(await service.get(location), 'bundle-not-available')
    assert.equal(problem.instance, location)
    const answer = await service.get(location, JSON_ONLY)
    assert.equal(answer.status, 200)
    const view = viewIn(await answer.json())
    assert.deepEqual([view.status, view.bundle, view.completedAt], ['rolled-back', undefined, undefined])
    assert.deepEqual(view.steps.map(({ name }) => name), ['check-label', 'create-key', 'generate-csr'])
  })
})

describe('a label that is taken', () => {
  test('by this caller\'s own bundle: the problem names it, the key stays', async () => {
    const { location } = await issue(order('taken-own'))
    const problem = await problemIn(await service.post(order('taken-own')), 'key-label-taken')
    assert.equal(problem.existing, location)
    assert.deepEqual([problem.transaction?.step, problem.transaction?.rollback], ['check-label', 'not-needed'])
    assert.ok(service.simulator.labels().includes('taken-own'))
  })
  for (const [name, password] of [['without a password', undefined], ['with another password', 'another']] as const) {
    test(`by a foreign key ${name}: nothing is named, the key stays`, async () => {
      const label = `taken-foreign-${String(password)}`
      await service.simulator.addKey({ label, ...(password !== undefined && { password }) })
      const problem = await problemIn(await service.post(order(label, { password: 'mine' })), 'key-label-taken')
      assert.equal(problem.existing, undefined)
      assert.equal(problem.transaction?.rollback, 'not-needed')
      assert.ok(service.simulator.labels().includes(label))
    })
  }
})

describe('Idempotency-Key', () => {
  test('the same key and body get the same bytes again, and the TSB hears nothing of it', async () => {
    const headers = { 'idempotency-key': 'replay-1' }
    const first = await issue(order('replay', { password: 'pw-1' }), headers)
    service.simulator.requests.length = 0
    for (const password of ['pw-1', [...'pw-1']]) {
      const answer = await service.post(order('replay', { password }), headers)
      const bytes = await bytesOf(answer)
      assert.equal(answer.status, 200)
      assert.equal(answer.headers.get('idempotency-replayed'), 'true')
      assert.equal(answer.headers.get('location'), first.location)
      assertZipHeaders(answer, bytes, 'replay')
      assert.ok(bytes.equals(first.bytes))
    }
    const json = await service.post(order('replay', { password: 'pw-1' }), { ...headers, ...JSON_ONLY })
    assert.equal(json.status, 200)
    assert.equal(json.headers.get('idempotency-replayed'), 'true')
    assert.equal(`${BUNDLES}/${viewIn(await json.json()).id}`, first.location)
    assert.deepEqual(service.simulator.requests, [])
  })

  test('another body is refused, also where only the password differs', async () => {
    const headers = { 'idempotency-key': 'reused-1' }
    const { location } = await issue(order('reused', { password: 'pw-1' }), headers)
    service.simulator.requests.length = 0
    const others = [
      order('reused', { password: 'pw-2' }), order('reused'), order('reused', { password: null }), order('reused-2', { password: 'pw-1' }),
      order('reused', { password: 'pw-1' }, { validity: 30 }), { ...order('reused', { password: 'pw-1' }), profile: 'tsb-default' },
    ]
    for (const body of others) assert.equal((await problemIn(await service.post(body, headers), 'idempotency-key-reused')).instance, location)
    assert.deepEqual(service.simulator.requests, [])
  })

  test('a failed transaction is not remembered: the same key tries anew, with another body too', async () => {
    const headers = { 'idempotency-key': 'anew-1' }
    service.simulator.faults.set('key-attestation', { kind: 'status', status: 400, body: { errorCode: 600 } })
    await problemIn(await service.post(order('anew'), headers), 'tsb-rejected')
    await issue(order('anew', {}, { validity: 30 }), headers)
  })

  test('a key in use by a running transaction is transaction-in-progress, and its label is held', async () => {
    const headers = { 'idempotency-key': 'running-1' }
    let arrived = (): void => {}
    let goOn = (): void => {}
    const atTheTsb = new Promise<void>((resolve) => { arrived = resolve })
    const held = new Promise<void>((resolve) => { goOn = resolve })
    service.simulator.alter.csr = async (pem) => { arrived(); await held; return pem }
    const running = service.post(order('running'), headers)
    await atTheTsb
    delete service.simulator.alter.csr
    await problemIn(await service.post(order('running'), headers), 'transaction-in-progress')
    await problemIn(await service.post(order('running', {}, { validity: 1 }), headers), 'idempotency-key-reused')
    const taken = await service.post(order('RUNNING'))
    assert.match(taken.headers.get('retry-after') ?? '', /^\d+$/)
    const problem = await problemIn(taken, 'key-label-taken')
    assert.equal(problem.transaction, undefined)
    const [view] = (await (await service.get(`${BUNDLES}?label=running`)).json() as { transactions: unknown[] }).transactions.map(viewIn)
    assert.equal(view?.status, 'in-progress')
    await problemIn(await service.get(`${BUNDLES}/${view?.id ?? ''}`), 'bundle-not-available')
    goOn()
    assert.equal((await running).status, 201)
  })

  test('after the retention time the bytes are gone, for GET and for a replay, and the transaction stays', async () => {
    const headers = { 'idempotency-key': 'expired-1' }
    const { location } = await issue(order('expired'), headers)
    days = 31
    try {
      assert.equal((await problemIn(await service.get(location), 'bundle-expired')).instance, location)
      assert.equal((await problemIn(await service.post(order('expired'), headers), 'bundle-expired')).instance, location)
      const answer = await service.get(location, JSON_ONLY)
      assert.equal(answer.status, 200)
      assert.equal(viewIn(await answer.json()).status, 'completed')
    } finally {
      days = 0
    }
  })
})

test('the log says of each bundle for auditors who made it, and each time that it was delivered to the end', async () => {
  const { location } = await issue(order('audited'), { 'idempotency-key': 'audited' })
  await bytesOf(await service.get(location, { accept: 'application/zip' }))
  await bytesOf(await service.get(location, JSON_ONLY))
  assert.equal((await fetch(`${service.url}${location}`, { method: 'HEAD' })).status, 200)
  const last = 'a'.repeat(32)
  await bytesOf(await service.post(order('audited'), { 'idempotency-key': 'audited', traceparent: `00-${last}-${'b'.repeat(16)}-01` }))
  const ofThis = ({ audit, label }: Readonly<Record<string, unknown>>): boolean => audit === true && label === 'audited'
  await service.logged((line) => ofThis(line) && line['trace_id'] === last)
  const lines = service.log.filter(ofThis)
  assert.deepEqual(lines.map(({ event, caller, transaction }) => [event, caller, `/v1/attestation-bundles/${String(transaction)}`]),
    ['created', 'delivered', 'delivered', 'delivered'].map((event) => [event, 'anonymous', location]))
})
