import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import JSZip from 'jszip'
import type { ProblemCode } from '../../src/errors.ts'
import { problemIn } from '../support/problem.ts'
import { HAPPY, hsmError, html, invalidApiKey, LANDS, LOOK, order, recordedTsb, tsbError, type CallName, type StubResponse } from './recorded-tsb.ts'

const tsb = recordedTsb()
const { label } = order.key
const refused = tsbError(400, 600, 'input.validation.failed', 'Input validation failed.')

describe('a transaction that succeeds', () => {
  test('makes these five calls, with these credentials and bodies, and no other', async (t) => {
    const service = await tsb.service(t)
    const answer = await service.post()
    assert.equal(answer.status, 201)
    assert.equal(answer.headers.get('content-type'), 'application/zip')
    assert.deepEqual((await tsb.requests()).map(({ method, path, headers, body }) => [method, path, headers['x-api-key'], body]), [
      ['GET', '/v1/versionInfo', 'service-1', undefined],
      ['POST', '/v1/key/attributes', 'management-1', { label: 'recorded-2026', password: ['t', 'a', 'p', 'e', '-', '2', '6'] }],
      ['POST', '/v1/key', 'management-1', {
        label: 'recorded-2026', password: ['t', 'a', 'p', 'e', '-', '2', '6'], algorithm: 'RSA', keySize: 2048,
        attributes: {
          sign: true, extractable: false, modifiable: true, destroyable: true, sensitive: true, copyable: false, decrypt: false, unwrap: false, derive: false,
        },
      }],
      ['POST', '/v1/certificate/synchronous/request', 'management-1', {
        signKeyName: 'recorded-2026', keyPassword: ['t', 'a', 'p', 'e', '-', '2', '6'], signatureAlgorithm: 'SHA256_WITH_RSA', validity: 365,
        standardCertificateAttributes: {
          commonName: 'securosys', country: 'CH', stateOrProvinceName: 'Zurich', locality: 'ZH', organizationName: 'Securosys SA',
          organizationUnitName: 'Clouds Operations', email: 'office@securosys.com', title: 'Office', surname: 'Office', givenName: 'Securosys',
        },
        keyUsage: ['DIGITAL_SIGNATURE'], extendedKeyUsage: ['ANY_EXTENDED_KEY_USAGE'],
      }],
      ['POST', '/v1/key/keyAttestation', 'management-1', { label: 'recorded-2026', password: ['t', 'a', 'p', 'e', '-', '2', '6'] }],
    ])
    for (const { method, path, headers } of await tsb.requests()) {
      assert.deepEqual([headers['authorization'], headers['content-type']], ['Bearer the-token', method === 'POST' ? 'application/json' : undefined], path)
    }
    assert.equal(await tsb.keyExists(), true)
  })

  test('gives a bundle that holds the recorded files to the byte', async (t) => {
    const answer = await (await tsb.service(t)).post()
    const bytes = Buffer.from(await answer.arrayBuffer())
    assert.equal(answer.headers.get('repr-digest'), `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`)
    const bundle = await JSZip.loadAsync(bytes)
    const made = await JSZip.loadAsync(readFileSync(new URL('__files/recorded/attestation.zip', import.meta.url)))
    const inBundle = Object.values(bundle.files).filter((entry) => !entry.dir)
    for (const name of [`${label}.xml`, `${label}.sig`, 'PrimusHSM_Attestation.crt']) {
      const found = inBundle.find((entry) => entry.name.endsWith(name))
      assert.ok(found, `${name} is not among ${inBundle.map((entry) => entry.name).join(', ')}`)
      assert.deepEqual(await found.async('nodebuffer'), await made.file(name)!.async('nodebuffer'))
    }
  })

  test('names no password where the order has none', async (t) => {
    const { password: _password, ...key } = order.key
    const { keyPassword: _keyPassword, ...csr } = order.csr
    assert.equal((await (await tsb.service(t)).post({ key, csr })).status, 201)
    assert.deepEqual(await tsb.asked(), HAPPY)
    for (const { path, body } of await tsb.requests()) assert.doesNotMatch(JSON.stringify(body ?? {}), /password/i, path)
  })

  test('asks for the version once per process, not once per transaction', async (t) => {
    const service = await tsb.service(t)
    assert.equal((await service.post()).status, 201)
    await tsb.removeKey()
    assert.equal((await service.post()).status, 201)
    assert.deepEqual(await tsb.asked(), [...HAPPY, ...HAPPY.slice(1)])
  })

  test('is replayed under its Idempotency-Key without a call to the TSB', async (t) => {
    const service = await tsb.service(t)
    const [first, second] = [await service.post(order, { 'idempotency-key': 'k-1' }), await service.post(order, { 'idempotency-key': 'k-1' })]
    assert.deepEqual([first.status, second.status, second.headers.get('idempotency-replayed')], [201, 200, 'true'])
    assert.deepEqual(Buffer.from(await second.arrayBuffer()), Buffer.from(await first.arrayBuffer()))
    assert.deepEqual(await tsb.asked(), HAPPY)
  })

  test('needs no version: a TSB that keeps it to itself is asked all the same', async (t) => {
    await tsb.answer('version-info', invalidApiKey)
    assert.equal((await (await tsb.service(t)).post()).status, 201)
    assert.deepEqual(await tsb.asked(), HAPPY)
  })
})

test('a TSB older than 1.17.1 is refused, and nothing but its version is asked for', async (t) => {
  await tsb.answer('version-info', { status: 200, jsonBody: { Version: '1.17.0.20231001T101500' } })
  const problem = await problemIn(await (await tsb.service(t)).post(), 'tsb-error')
  assert.equal(problem.transaction?.rollback, 'not-needed')
  assert.match(problem.detail, /1\.17\.0/)
  assert.deepEqual(await tsb.asked(), ['version-info'])
})

describe('input that is no order', () => {
  const cases: [string, unknown][] = [
    ['broken JSON', '{"key":'],
    ['no label', { ...order, key: { ...order.key, label: undefined } }],
    ['a label with a path', { ...order, key: { ...order.key, label: '../x' } }],
    ['an unknown field', { ...order, key: { ...order.key, lable: 'x' } }],
    ['an injected RDN', { ...order, csr: { ...order.csr, standardCertificateAttributes: { ...order.csr.standardCertificateAttributes, organizationName: 'Acme, O=Evil' } } }],
    ['another key for the CSR', { ...order, csr: { ...order.csr, signKeyName: 'other' } }],
    ['a curve for RSA', { ...order, key: { ...order.key, curveOid: '1.2.840.10045.3.1.7' } }],
    ['an extractable key', { ...order, key: { ...order.key, attributes: { ...order.key.attributes, extractable: true } } }],
    ['a key that cannot be destroyed', { ...order, key: { ...order.key, attributes: { ...order.key.attributes, destroyable: false } } }],
  ]
  test('never reaches the TSB', async (t) => {
    const service = await tsb.service(t)
    for (const [name, body] of cases) {
      const answer = await service.post(body)
      assert.ok(answer.status === 400 || answer.status === 422, `${name}: ${answer.status} ${await answer.text()}`)
    }
    assert.deepEqual(await tsb.requests(), [])
  })
})

describe('a label that is taken', () => {
  const taken = async (service: Awaited<ReturnType<typeof tsb.service>>, calls: readonly CallName[]): Promise<void> => {
    const problem = await problemIn(await service.post(), 'key-label-taken')
    assert.equal(problem.transaction?.rollback, 'not-needed')
    assert.deepEqual(await tsb.asked(), calls)
  }

  test('is seen by the look: nothing is created, nothing is deleted', async (t) => {
    await tsb.plantKey()
    await taken(await tsb.service(t), LOOK)
    assert.equal(await tsb.keyExists(), true)
  })

  test('is seen where the key has another password (400 with 620)', async (t) => {
    await tsb.answer('key-attributes', tsbError(400, 620, 'key.password.mismatch', `Key password mismatch for key '${label}'.`))
    await taken(await tsb.service(t), LOOK)
  })

  for (const status of [400, 409]) {
    test(`is seen by create-key alone, as an invalidated key's is (${status} with 608): nothing is deleted`, async (t) => {
      await tsb.answer('create-key', tsbError(status, 608, 'key.already.existing', 'Could not create key. The key name is already in use.'))
      await taken(await tsb.service(t), [...LOOK, 'create-key'])
    })
  }
})

describe('a look that does not say 404 with 650', () => {
  const cases: [string, StubResponse, ProblemCode][] = [
    ['a bare 404', { status: 404 }, 'tsb-error'],
    ['404 with an HTML page', html(404), 'tsb-error'],
    ['404 with a message and no code', { status: 404, jsonBody: { message: 'Not Found' } }, 'tsb-error'],
    ['400 with 650', tsbError(400, 650, 'key.not.existent', 'no key'), 'tsb-error'],
    ['500 with 701', hsmError('HSM error: status: PKCS#11: KEY_FUNCTION_NOT_PERMITTED'), 'tsb-error'],
    ['200 with an HTML page', html(200), 'tsb-invalid-response'],
    ['200 with nothing', { status: 200 }, 'tsb-invalid-response'],
    ['a redirect', { status: 302, headers: { location: '/elsewhere' } }, 'tsb-invalid-response'],
    ['a licence that is missing', tsbError(403, 451, 'client.endpoint.not.licensed', 'The endpoint is not licensed.'), 'tsb-unauthorized'],
    ['a password that is too short', refused, 'tsb-rejected'],
  ]
  for (const [name, response, code] of cases) {
    test(`lets nothing be created: ${name}`, async (t) => {
      await tsb.answer('key-attributes', response)
      const problem = await problemIn(await (await tsb.service(t)).post(), code)
      assert.deepEqual([problem.transaction?.step, problem.transaction?.rollback], ['check-label', 'not-needed'])
      assert.deepEqual(await tsb.asked(), LOOK)
    })
  }
})

describe('create-key that the TSB refuses', () => {
  const cases: [string, StubResponse, ProblemCode][] = [
    ['400 with 600', refused, 'tsb-rejected'],
    ['400 with 603', tsbError(400, 603, 'input.keysize', 'The key size is not supported.'), 'tsb-rejected'],
    ['401 with 617', tsbError(401, 617, 'invalid.access.token', 'Invalid access token.'), 'tsb-unauthorized'],
    ['401 without a body', { status: 401 }, 'tsb-unauthorized'],
    ['403 with 451', tsbError(403, 451, 'client.endpoint.not.licensed', 'The endpoint is not licensed.'), 'tsb-unauthorized'],
  ]
  for (const [name, response, code] of cases) {
    test(`changed nothing, so nothing is looked up or deleted: ${name}`, async (t) => {
      await tsb.answer('create-key', response)
      const problem = await problemIn(await (await tsb.service(t)).post(), code)
      assert.deepEqual([problem.transaction?.step, problem.transaction?.rollback], ['create-key', 'not-needed'])
      assert.deepEqual(await tsb.asked(), [...LOOK, 'create-key'])
    })
  }
})

describe('create-key that the TSB answers in a way that settles nothing', () => {
  const cases: [string, StubResponse, ProblemCode][] = [
    ['500 with 701', hsmError('Could not persist public key.'), 'tsb-error'],
    ['503 with an HTML page', html(503), 'tsb-unavailable'],
    ['201 with nothing', { status: 201 }, 'tsb-invalid-response'],
    ['200 with an HTML page', html(200), 'tsb-invalid-response'],
    ['a redirect', { status: 307, headers: { location: '/elsewhere' } }, 'tsb-invalid-response'],
  ]
  for (const [name, response, code] of cases) {
    test(`is looked up and stays owed where no key is seen yet: ${name}`, async (t) => {
      await tsb.answer('create-key', response)
      const problem = await problemIn(await (await tsb.service(t)).post(), code)
      assert.deepEqual([problem.transaction?.step, problem.transaction?.rollback], ['create-key', 'pending'])
      assert.deepEqual(await tsb.asked(), [...LOOK, 'create-key', 'key-attributes'])
    })

    test(`is looked up, and the key that it made all the same is not adopted but deleted: ${name}`, async (t) => {
      await tsb.answer('create-key', response, LANDS)
      const problem = await problemIn(await (await tsb.service(t)).post(), code)
      assert.deepEqual([problem.transaction?.step, problem.transaction?.rollback], ['create-key', 'done'])
      assert.deepEqual(await tsb.asked(), [...LOOK, 'create-key', 'key-attributes', 'delete-key', 'key-attributes'])
      assert.equal(await tsb.keyExists(), false)
    })
  }

  test('leaves a key alone that is not like the one it asked for', async (t) => {
    await tsb.answer('create-key', hsmError('Could not persist public key.'), LANDS)
    const { key, csr } = order
    const problem = await problemIn(await (await tsb.service(t)).post({ key: { ...key, attributes: { ...key.attributes, modifiable: false } }, csr }), 'tsb-error')
    assert.equal(problem.transaction?.rollback, 'impossible')
    assert.deepEqual(await tsb.asked(), [...LOOK, 'create-key', 'key-attributes'])
    assert.equal(await tsb.keyExists(), true)
  })
})
