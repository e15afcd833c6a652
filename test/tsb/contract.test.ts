import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import tutorial from '../../examples/request.json' with { type: 'json' }
import qualifiedSeal from '../../examples/qualified-seal.json' with { type: 'json' }
import { INVALID_API_KEY, KEY_ALREADY_EXISTING, KEY_NOT_EXISTENT, KEY_PASSWORD_MISMATCH } from '../../src/tsb/tsb-error.ts'
import { openRecordingFront, type Exchange, type RecordingFront } from '../support/recording-front.ts'
import { order, startService, type Service } from '../support/service.ts'
import { readTsbContract, type TsbAnswerFacts, type TsbRequestFacts } from '../support/tsb-contract.ts'
import * as recorded from '../wiremock/recorded-tsb.ts'

const contract = readTsbContract()
const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')

test('openapi/tsb.yaml has the calls that src/tsb makes, and no other', () => {
  const called = readdirSync(new URL('../../src/tsb/', import.meta.url)).flatMap((name) =>
    [...read(`../../src/tsb/${name}`).matchAll(/method: '([A-Z]+)',[^']*path: (?:'([^']+)'|`([^`]+)`)/g)]
      .map(([, method, plain, template]) => `${method} ${(plain ?? template!).replace(/\$\{.*\}$/, '{keyName}')}`))
  assert.ok(called.length >= 9)
  assert.deepEqual(contract.operations.map(({ method, path }) => `${method} ${path}`).sort(), called.sort())
})

test('every operation says who needs it and how it is known, and so does every answer that is known otherwise', () => {
  for (const { operation } of contract.operations) {
    assert.match(operation['x-evidence'] ?? '', /^(documented|observed|inferred)$/, operation.operationId)
    assert.ok(operation['x-role'].length > 0, operation.operationId)
  }
  const marks = [...read('../../openapi/tsb.yaml').matchAll(/x-evidence: (.*)/g)].map((match) => match[1]!)
  assert.deepEqual([...new Set(marks)].sort(), ['documented', 'inferred', 'observed'])
})

test('the codes that the service decides on are in the contract', () => {
  const { Error: error } = contract.document.components['schemas'] as { Error: { 'x-decided-on': Record<string, string> } }
  assert.deepEqual(Object.keys(error['x-decided-on']), [KEY_ALREADY_EXISTING, KEY_PASSWORD_MISMATCH, INVALID_API_KEY, KEY_NOT_EXISTENT].map(String))
})

const text = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value.join() : value)
const requestOf = ({ method, path, requestHeaders, requestBody }: Exchange): TsbRequestFacts =>
  ({ method, path, contentType: text(requestHeaders['content-type']), body: requestBody.length === 0 ? undefined : JSON.parse(requestBody.toString()) as unknown })
const answerOf = ({ status, headers, body }: Exchange): TsbAnswerFacts => ({ status, contentType: text(headers['content-type']), body })

describe('the service and the simulator', () => {
  let front: RecordingFront
  let service: Service
  before(async () => {
    front = await openRecordingFront()
    const keys = { keyManagement: ['management-1'], keyOperation: ['operation-1'], service: ['service-1'] }
    service = await startService({
      simulator: { apiKeys: keys, bearerToken: 'the-token', certificateRole: 'operation' },
      env: {
        TSB_URL: front.url, TSB_BEARER_TOKEN: 'the-token', TSB_SERVICE_API_KEYS: 'service-1', TSB_KEY_OPERATION_API_KEYS: 'operation-1',
        TSB_KEY_MANAGEMENT_API_KEYS: 'of-yesterday,management-1',
      },
    })
    front.forwardTo(service.simulator.url)
    const { faults } = service.simulator
    const post = async (body: unknown): Promise<number> => (await service.post(body)).status
    assert.equal(await post(tutorial), 201)
    assert.equal(await post(tutorial), 409)
    assert.equal(await post({ ...tutorial, key: { ...tutorial.key, password: 'another' }, csr: { ...tutorial.csr, keyPassword: 'another' } }), 409)
    assert.equal(await post(qualifiedSeal), 201)
    assert.equal(await post(order('with-everything', { algorithm: 'ED', curveOid: '1.3.101.112', password: `it's "p4ss"` }, {
      standardCertificateAttributes: {
        commonName: 'Everything', country: 'CH', stateOrProvinceName: 'Zürich', locality: 'Zürich', organizationName: 'Acme', organizationIdentifier: 'NTRCH-CHE-123.456.788',
        organizationUnitName: 'Unit', email: 'a@example.org', title: 'Dr', surname: 'Muster', givenName: 'Petra', initials: 'PM', generationQualifier: 'III',
      },
      validity: 36_500, keyUsage: ['DIGITAL_SIGNATURE', 'CONTENT_COMMITMENT', 'CRL_SIGN'], extendedKeyUsage: ['CODE_SIGNING', 'TIME_STAMPING'],
    })), 201)
    faults.set('key-attestation', { kind: 'hsm-error' })
    assert.equal(await post(order('taken-back')), 502)
    faults.set('certificate-request', { kind: 'hsm-error' })
    assert.equal(await post(order('taken-back-too')), 502)
    // Somebody makes the key between the look and the creation.
    faults.set('key-attributes', { kind: 'status', status: 404, body: { errorCode: KEY_NOT_EXISTENT, reason: 'res.error.key.not.existent', message: 'no' } })
    assert.equal(await post(order('with-everything')), 409)
    // Only the doctor and a scrape ask these.
    for (const path of ['/v1/licenseInfo', '/v1/keystore/statistics']) {
      assert.equal((await fetch(`${front.url}${path}`, { headers: { 'x-api-key': 'service-1', authorization: 'Bearer the-token' } })).status, 200)
    }
  })
  after(async () => {
    await (service as Service | undefined)?.stop()
    front.close()
  })

  test('each call was made, and each with its success and a refusal', () => {
    const seen = new Set(front.exchanges.map((exchange) => `${contract.operationOf(exchange)?.operationId} ${exchange.status}`))
    for (const pair of ['createKey 201', 'createKey 400', 'getKeyAttributes 200', 'getKeyAttributes 404', 'getKeyAttributes 400', 'getKeyAttributes 401', 'deleteKey 200',
      'exportKeyAttestation 200', 'exportKeyAttestation 500', 'requestCertificate 200', 'requestCertificate 401', 'requestCertificate 500', 'deleteCertificate 404', 'getVersionInfo 200', 'getLicenseInfo 200', 'getKeystoreStatistics 200']) {
      assert.ok(seen.has(pair), `${pair} is not among ${[...seen].join(', ')}`)
    }
  })

  test('every request is as the contract says', () => {
    assert.deepEqual(front.exchanges.flatMap((exchange) => contract.requestFaults(requestOf(exchange))), [])
  })

  test('every answer is as the contract says', () => {
    assert.deepEqual(front.exchanges.flatMap((exchange) => contract.answerFaults(exchange, answerOf(exchange)).map((fault) => `${exchange.path} ${exchange.status}: ${fault}`)), [])
  })

  test('every request shows the API key of a role that the contract names', () => {
    for (const exchange of front.exchanges) {
      const role = text(exchange.requestHeaders['x-api-key'])!.replace('of-yesterday', 'management-0').replace(/-\d$/, '')
      assert.ok(contract.operationOf(exchange)!['x-role'].includes(role), `${exchange.path} with the key of ${role}`)
    }
  })
})

/** What no transaction asks has no stub. */
const NO_TRANSACTION = ['getLicenseInfo', 'getKeystoreStatistics']

interface Mapping {
  readonly name: string
  readonly request: { readonly method: string; readonly urlPath?: string; readonly urlPathPattern?: string; readonly headers?: Readonly<Record<string, { contains: string }>> }
  readonly response: StubAnswer
}

interface StubAnswer {
  readonly status: number
  readonly jsonBody?: unknown
  readonly bodyFileName?: string
  readonly headers?: Readonly<Record<string, string>>
}

const stubbed = ({ status, jsonBody, bodyFileName, headers = {} }: StubAnswer): TsbAnswerFacts => ({
  status, contentType: headers['content-type'],
  body: bodyFileName === undefined ? Buffer.from(JSON.stringify(jsonBody) ?? '') : readFileSync(new URL(`../wiremock/__files/${bodyFileName}`, import.meta.url)),
})

function mappingFaults({ request: { method, urlPath, urlPathPattern, headers }, response }: Mapping): string[] {
  const request = { method, path: urlPath ?? urlPathPattern!, contentType: headers?.['content-type']?.contains }
  return [...contract.requestFaults(request), ...contract.answerFaults(request, stubbed(response))]
}

describe('the WireMock stubs', () => {
  const mappings = readdirSync(new URL('../wiremock/mappings/', import.meta.url)).flatMap((name) => {
    const file = JSON.parse(read(`../wiremock/mappings/${name}`)) as Mapping | { mappings: Mapping[] }
    return 'mappings' in file ? file.mappings : [file]
  })

  test('each is of a call of the contract, with what it asks and answers', () => {
    assert.ok(mappings.length >= 12)
    assert.deepEqual(mappings.flatMap((mapping) => mappingFaults(mapping).map((fault) => `${mapping.name}: ${fault}`)), [])
    assert.deepEqual([...new Set(mappings.map(({ request: { method, urlPath, urlPathPattern } }) => contract.operationOf({ method, path: urlPath ?? urlPathPattern! })?.operationId))].sort(),
      contract.operations.map(({ operation }) => operation.operationId).filter((id) => !NO_TRANSACTION.includes(id)).sort())
  })

  test('recorded answers and the errors that tests play are answers of the contract too', () => {
    const json = { 'content-type': 'application/json' }
    const at = (path: string, answer: StubAnswer): string[] => contract.answerFaults({ method: 'POST', path }, stubbed(answer))
    assert.deepEqual([
      ...['recorded', 'another-key'].flatMap((set) => [
        ...at('/v1/key', { status: 201, bodyFileName: `${set}/create-key.json`, headers: json }),
        ...at('/v1/certificate/synchronous/request', { status: 200, bodyFileName: `${set}/certificate-request.json`, headers: json }),
        ...at('/v1/key/keyAttestation', { status: 200, bodyFileName: `${set}/attestation.zip`, headers: { 'content-type': 'application/octet-stream' } }),
      ]),
      ...[recorded.absent, recorded.invalidApiKey, recorded.hsmError('no')].flatMap((answer) => at('/v1/key/attributes', answer as unknown as StubAnswer)),
    ], [])
  })

  test('a stub that drifts is found: path, method, type, status and body', () => {
    const good = mappings.find(({ name }) => name === 'create-key')!
    const drifted: readonly (readonly [Mapping, RegExp])[] = [
      [{ ...good, request: { ...good.request, urlPath: '/v1/keys' } }, /POST \/v1\/keys is not in the contract/],
      [{ ...good, request: { ...good.request, method: 'PUT' } }, /PUT \/v1\/key is not in the contract/],
      [{ ...good, request: { ...good.request, headers: { 'content-type': { contains: 'text/plain' } } } }, /a request of type text\/plain/],
      [{ ...good, response: { ...good.response, status: 200 } }, /status 200/],
      [{ ...good, response: { ...good.response, headers: { 'content-type': 'text/html' } } }, /201 of type text\/html/],
      [{ ...good, response: { status: 201, jsonBody: { json: { label: 'x', publicKey: null } }, headers: { 'content-type': 'application/json' } } }, /\/json\/publicKey must be string/],
      [{ ...good, response: { status: 409, jsonBody: { message: 'taken' }, headers: { 'content-type': 'application/json' } } }, /must have required properties errorCode, reason/],
    ]
    for (const [mapping, fault] of drifted) assert.match(mappingFaults(mapping).join('\n'), fault)
    assert.match(contract.requestFaults({ method: 'POST', path: '/v1/key/deleteKey', contentType: 'application/json', body: { label: 'a1', force: true } }).join(), /force/)
  })
})
