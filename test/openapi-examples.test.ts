import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { ProblemCode } from '../src/errors.ts'
import type { Problem } from '../src/routes/schemas/answers.ts'
import type { OrderBody } from '../src/routes/schemas/order.ts'
import type { Fault } from '../src/simulator/simulator.ts'
import { committedDocument, faultsOf, type JsonSchema } from './support/openapi-document.ts'
import { order, startService, type Service } from './support/service.ts'

const BUNDLES = '/v1/attestation-bundles'

const document = await committedDocument()
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, ...operation })))

const faulty = (schema: JsonSchema, values: readonly unknown[], where: string): string[] =>
  values.length === 0 ? [`${where} has no example`] : values.flatMap((value) => faultsOf(document, schema, value).map((fault) => `${where}: ${fault}`))

for (const { name, parameters = [], requestBody, responses } of operations) {
  describe(name, () => {
    test('has an example for each parameter and body, and each fits its schema', () => {
      const bodies = Object.entries(requestBody?.content ?? {})
      assert.deepEqual([
        ...parameters.flatMap((parameter) => faulty(parameter.schema, parameter.example === undefined ? [] : [parameter.example], parameter.name)),
        ...bodies.flatMap(([type, { schema, examples = {} }]) => faulty(schema, Object.values(examples).map(({ value }) => value), type)),
      ], [])
    })

    test('has an example for each media type and header of each status, and each fits its schema', () => {
      const faults = Object.entries(responses).flatMap(([status, { headers = {}, content = {} }]) => [
        ...Object.entries(headers).flatMap(([header, { schema }]) => faulty(schema, schema.examples ?? [], `${status} ${header}`)),
        ...Object.keys(content).length === 0 ? [`${status} has no content`] : [],
        ...Object.entries(content).flatMap(([type, { schema, examples = {} }]) =>
          faulty(schema, Object.values(examples).map(({ value }) => value), `${status} ${type}`)),
      ])
      assert.deepEqual(faults, [])
      assert.ok(Object.keys(responses).length >= 7)
    })
  })
}

test('an example that breaks its schema would be found, and so would one that is missing', () => {
  const schema = { $ref: '#/components/schemas/Problem' }
  assert.deepEqual(faulty(schema, [], 'here'), ['here has no example'])
  assert.match(faulty(schema, [{ type: 'x', title: 'x', status: '400', detail: 'x', code: 'no-such-code' }], 'here').join(), /here: \/status .*here: \/code /)
})

describe('the examples against the simulator', () => {
  let service: Service
  before(async () => { service = await startService({ env: { TSB_CREATE_KEY_TIMEOUT_MS: '5000' } }) })
  after(() => service.stop())

  const orders = Object.entries(document.paths[BUNDLES]!['post']!.requestBody!.content['application/json']!.examples!)
  for (const [name, { value }] of orders) {
    test(`the request "${name}" gives a bundle`, async () => {
      const answer = await service.post(value)
      assert.equal(answer.status, 201, answer.status === 201 ? '' : await answer.text())
      await answer.arrayBuffer()
    })
  }

  test('every documented header of a success is there, and the zip is one', async () => {
    const documented = (method: string, path: string, status: number): string[] => Object.keys(document.paths[path]![method]!.responses[status]!.headers!).sort()
    const seen = async (answer: Response): Promise<string[]> => {
      assert.ok(Buffer.from(await answer.arrayBuffer()).toString('latin1').startsWith('PK\u0003\u0004'))
      return ['location', 'content-disposition', 'repr-digest', 'idempotency-replayed', 'traceresponse'].filter((name) => answer.headers.has(name)).sort()
    }
    const made = await service.post(order('headers'), { 'idempotency-key': 'headers' })
    const path = made.headers.get('location')!
    assert.deepEqual(await seen(made), documented('post', BUNDLES, 201))
    assert.deepEqual(await seen(await service.post(order('headers'), { 'idempotency-key': 'headers' })), documented('post', BUNDLES, 200))
    assert.deepEqual(await seen(await service.get(path)), documented('get', `${BUNDLES}/{id}`, 200))
  })

  const error = (status: number, errorCode: number, reason: string, message: string): Fault =>
    ({ kind: 'status', status, body: { errorCode, reason: `res.error.${reason}`, message } })
  const seal = orders.find(([name]) => name === 'qualified-seal')![1].value as OrderBody
  const forged = (signature: Buffer): Uint8Array => signature.with(-1, signature.at(-1)! ^ 1)
  let running: Promise<Response>

  /** How each problem comes about; in order, where one needs another before it. */
  const cases: readonly (readonly [ProblemCode, () => Promise<Response>])[] = [
    ['not-acceptable', () => service.post(order('told'), { accept: 'text/html' })],
    ['invalid-request', () => service.post(order('told', { size: 1 }, { standardCertificateAttributes: { commonName: 'Told', country: 'Switzerland' } }))],
    ['payload-too-large', () => service.post(order('x'.repeat(70_000)))],
    ['unsupported-media-type', () => service.post('told', { 'content-type': 'text/plain' })],
    ['key-not-attestable', () => service.post(order('told', { attributes: { extractable: true } }))],
    ['rollback-impossible', () => service.post(order('told', { attributes: { destroyable: false } }))],
    ['profile-violated', () => service.post({ ...seal, key: { ...seal.key, keySize: 2048 } })],
    ['tsb-rejected', () => {
      service.simulator.faults.set('certificate-request', error(400, 607, 'algorithm.not.supported.by.key', 'The algorithm is not supported by the key.'))
      return service.post(order('told-rejected'))
    }],
    ['tsb-unauthorized', () => {
      service.simulator.faults.set('create-key', error(401, 631, 'invalid.api.key', 'The given api key is not valid.'))
      return service.post(order('told-unauthorized'))
    }],
    ['tsb-invalid-response', () => {
      service.simulator.faults.set('key-attestation', { kind: 'html' })
      return service.post(order('told-html'))
    }],
    ['tsb-error', () => {
      service.simulator.faults.set('key-attestation', { kind: 'hsm-error' })
      return service.post(order('told-error'))
    }],
    ['tsb-unavailable', () => {
      service.simulator.faults.set('create-key', { kind: 'unavailable' })
      return service.post(order('told-unavailable'))
    }],
    ['evidence-rejected', () => {
      service.simulator.alter.signature = forged
      return service.post(order('told-forged')).finally(() => { delete service.simulator.alter.signature })
    }],
    ['bundle-not-available', async () => {
      const { transactions } = await (await service.get(`${BUNDLES}?label=told-forged`)).json() as { transactions: { id: string }[] }
      return service.get(`${BUNDLES}/${transactions[0]!.id}`)
    }],
    ['not-found', () => service.get(`${BUNDLES}/no-such-id`)],
    ['key-label-taken', async () => {
      assert.equal((await service.post(order('told-twice'), { 'idempotency-key': 'told' })).status, 201)
      return service.post(order('told-twice'))
    }],
    ['idempotency-key-reused', () => service.post(order('told-otherwise'), { 'idempotency-key': 'told' })],
    ['transaction-in-progress', async () => {
      service.simulator.faults.set('create-key', { kind: 'late' })
      const arrived = service.simulator.next('create-key')
      running = service.post(order('told-running'), { 'idempotency-key': 'told-running' })
      await arrived
      return service.post(order('told-running'), { 'idempotency-key': 'told-running' })
    }],
    ['tsb-timeout', () => running],
  ]
  for (const [code, provoke] of cases) {
    test(`the example of ${code} is in the service's own words`, async () => {
      const told = await (await provoke()).json() as Problem
      const documented = operations.flatMap(({ responses }) => Object.values(responses))
        .flatMap(({ content }) => Object.values(content?.['application/problem+json']?.examples ?? {})).map(({ value }) => value as Problem)
        .filter((example) => example.code === code)
      assert.ok(documented.length > 0)
      // The example shows two checks of the report.
      const shown = documented[0]!.verification?.checks.map(({ id }) => id)
      if (told.verification && shown) told.verification.checks = told.verification.checks.filter(({ id }) => shown.includes(id))
      assert.deepEqual(withoutIds(told), withoutIds(documented[0]!))
    })
  }
})

/** Every transaction has an id of its own. */
const withoutIds = (problem: Problem): unknown => JSON.parse(JSON.stringify(problem).replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'an id'))
