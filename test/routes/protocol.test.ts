import assert from 'node:assert/strict'
import { connect, Socket } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import { handleClientError, problemOf } from '../../src/routes/problems.ts'
import type { ProblemCode } from '../../src/errors.ts'
import { assertRow, pointersOf, problemIn, type ProblemAnswer } from '../support/problem.ts'
import { order, startService, type Service } from '../support/service.ts'

let service: Service
before(async () => { service = await startService() })
after(() => service.stop())
beforeEach(() => { service.simulator.requests.length = 0 })

const BUNDLES = '/v1/attestation-bundles'
const good = (): string => JSON.stringify(order('protocol-good'))
const json = { 'content-type': 'application/json' }

async function refusal(code: ProblemCode, init: RequestInit & { path?: string }): Promise<{ problem: ProblemAnswer; headers: Headers }> {
  const { path = BUNDLES, ...rest } = init
  const answer = await fetch(service.url + path, rest)
  const problem = await problemIn(answer, code)
  assert.deepEqual(service.simulator.requests, [])
  return { problem, headers: answer.headers }
}

async function refused(code: ProblemCode, init: RequestInit & { path?: string }): Promise<void> {
  await refusal(code, init)
}

describe('a body that is no order at all', () => {
  const bodies: readonly [string, ProblemCode, RequestInit][] = [
    ['broken JSON', 'invalid-request', { headers: json, body: '{"key":' }],
    ['JSON with a comment', 'invalid-request', { headers: json, body: `// planted\n${good()}` }],
    ['two documents', 'invalid-request', { headers: json, body: good() + good() }],
    ['an empty body', 'invalid-request', { headers: json, body: '' }],
    ['no body and no media type', 'invalid-request', {}],
    ['text/plain', 'unsupported-media-type', { headers: { 'content-type': 'text/plain' }, body: good() }],
    ['XML', 'unsupported-media-type', { headers: { 'content-type': 'application/xml' }, body: '<planted/>' }],
    ['a form', 'unsupported-media-type', { body: new URLSearchParams({ label: 'planted' }) }],
    ['what is no media type', 'unsupported-media-type', { headers: { 'content-type': 'json' }, body: good() }],
    ['70 KB', 'payload-too-large', { headers: json, body: JSON.stringify({ ...order('big'), padding: 'planted '.repeat(9000) }) }],
  ]
  for (const [name, code, init] of bodies) {
    test(`${name} is ${code}`, async () => {
      const { problem } = await refusal(code, { method: 'POST', ...init })
      assert.equal(JSON.stringify(problem).includes('planted'), false)
    })
  }
  test('a body just below 64 KiB is read', async () => {
    const { problem } = await refusal('invalid-request',
      { method: 'POST', headers: json, body: JSON.stringify({ ...order('big'), padding: 'x'.repeat(65_000) }) })
    assert.deepEqual(pointersOf(problem), ['/padding'])
  })
  test('bytes that are no UTF-8, or another charset, never become other letters of a name', async () => {
    service.simulator.requests.length = 0
    const text = JSON.stringify(order('latin', {}, { standardCertificateAttributes: { commonName: 'Zürich AG' } }))
    const raw = (contentType: string): Promise<Response> =>
      fetch(`${service.url}/v1/attestation-bundles`, { method: 'POST', headers: { 'content-type': contentType }, body: Buffer.from(text, 'latin1') })
    await problemIn(await raw('application/json'), 'invalid-request')
    await problemIn(await raw('application/json; charset=iso-8859-1'), 'unsupported-media-type')
    assert.deepEqual(service.simulator.requests, [])
  })
  test('a charset beside application/json is welcome', async () => {
    const answer = await service.post(order('charset'), { 'content-type': 'application/json; charset=utf-8' })
    assert.equal(answer.status, 201)
  })
})

describe('headers', () => {
  test('an Accept that neither representation fits is refused before anything is sent', async () => {
    await refused('not-acceptable', { method: 'POST', headers: { ...json, accept: 'text/html' }, body: good() })
  })
  test('the same on GET', () => refused('not-acceptable', { path: `${BUNDLES}/any`, headers: { accept: 'text/html' } }))

  for (const [name, key] of [['empty', ''], ['with a blank', 'two words'], ['of 256 characters', 'x'.repeat(256)],
    ['not ASCII', 'cl\u00e9'], ['with a tab', 'a\tb']] as const) {
    test(`an Idempotency-Key ${name} is refused`, async () => {
      const { problem } = await refusal('invalid-request', { method: 'POST', headers: { ...json, 'idempotency-key': key }, body: good() })
      assert.equal(key !== '' && problem.detail.includes(key), false)
    })
  }
  test('two Idempotency-Keys are refused', async () => {
    await refused('invalid-request', { method: 'POST',
      headers: [['content-type', 'application/json'], ['idempotency-key', 'one'], ['idempotency-key', 'two']], body: good() })
  })
  test('an Idempotency-Key of 255 visible characters is taken', async () => {
    assert.equal((await service.post(order('key-255'), { 'idempotency-key': `!~${'x'.repeat(253)}` })).status, 201)
  })
})

describe('paths and methods', () => {
  for (const path of ['/', '/v1', '/v1/', '/v2/attestation-bundles', `${BUNDLES}/`, `${BUNDLES}/a/b`, '/V1/attestation-bundles', '/favicon.ico']) {
    test(`there is nothing at ${path}`, () => refused('not-found', { path }))
  }
  test('a POST to an unknown path is not-found too', () => refused('not-found', { path: '/v1/bundles', method: 'POST', headers: json, body: good() }))

  const wrong: readonly [string, string, string][] = [
    ['PUT', BUNDLES, 'GET, HEAD, POST'], ['PATCH', BUNDLES, 'GET, HEAD, POST'], ['DELETE', BUNDLES, 'GET, HEAD, POST'],
      ['OPTIONS', BUNDLES, 'GET, HEAD, POST'],
    ['POST', `${BUNDLES}/some-id`, 'GET, HEAD'], ['DELETE', `${BUNDLES}/some-id`, 'GET, HEAD'], ['POST', '/livez', 'GET, HEAD'],
      ['PUT', '/readyz', 'GET, HEAD'],
    ['DELETE', '/metrics', 'GET, HEAD'], ['POST', '/openapi.json', 'GET, HEAD'], ['POST', '/docs', 'GET, HEAD'],
      ['DELETE', `${BUNDLES}?label=x`, 'GET, HEAD, POST'],
  ]
  for (const [method, path, allow] of wrong) {
    test(`${method} ${path} is refused and told what is allowed`, async () => {
      const { headers } = await refusal('method-not-allowed', { path, method })
      assert.equal(headers.get('allow'), allow)
    })
  }
  test('a broken percent-encoding is a problem', () => refused('invalid-request', { path: `${BUNDLES}/%zz` }))
  test('a long URI is a problem', () => refused('uri-too-long', { path: `${BUNDLES}?label=${'x'.repeat(9000)}` }))
  test('a long URI of an unknown path is a problem', () => refused('uri-too-long', { path: `/${'x'.repeat(9000)}` }))
  test('an id that no transaction can have is not-found, however long', () => refused('not-found', { path: `${BUNDLES}/${'x'.repeat(300)}` }))
  test('an unknown id is not-found', () => refused('not-found', { path: `${BUNDLES}/6f1b7f0e-8d0e-4b6e-9a51-0c8c1d6d3e11` }))

  for (const [query, pointer] of [['', '/label'], ['?label=', '/label'], [`?label=${'x'.repeat(129)}`, '/label'],
    ['?label=x&page=2', '/page'], ['?label=a&label=b', '/label']] as const) {
    test(`the list refuses ${query === '' ? 'no query' : query.slice(0, 20)}`, async () => {
      assert.deepEqual(pointersOf((await refusal('invalid-request', { path: BUNDLES + query })).problem), [pointer])
    })
  }
})

/** Sends bytes and reads until the server hangs up. */
function raw(text: string): Promise<{ status: number; head: string; body: string }> {
  const { hostname, port } = new URL(service.url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => { socket.write(text) })
    let got = ''
    socket.setEncoding('utf8').on('data', (chunk) => { got += chunk }).on('error', reject).on('end', () => {
      const [head = '', body = ''] = got.split('\r\n\r\n', 2)
      resolve({ status: Number(head.split(' ')[1]), head: head.toLowerCase(), body })
    })
  })
}

async function refusedRaw(text: string, code: ProblemCode): Promise<void> {
  const { status, head, body } = await raw(text)
  assert.match(head, /\r\ncontent-type: application\/problem\+json(\r\n|$)/, `${head}\n\n${body}`)
  const problem = JSON.parse(body) as ProblemAnswer
  assertRow(problem, code)
  assert.equal(status, problem.status)
  assert.deepEqual(service.simulator.requests, [])
}

describe('what the parser refuses is a problem too', () => {
  const requests: readonly [string, ProblemCode, string][] = [
    ['garbage', 'invalid-request', 'planted garbage\r\n\r\n'],
    ['a binary request line', 'invalid-request', '\u0016\u0003\u0001\r\n\r\n'],
    ['headers of 20 KB', 'headers-too-large', `GET /livez HTTP/1.1\r\nhost: x\r\nx-padding: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['a broken header', 'invalid-request', 'GET /livez HTTP/1.1\r\nhost: x\r\nbad header: y\r\nconnection: close\r\n\r\n'],
    ['two lengths (smuggling)', 'invalid-request', `POST ${BUNDLES} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a length that is no number', 'invalid-request', `POST ${BUNDLES} HTTP/1.1\r\nhost: x\r\ncontent-length: two\r\n\r\n{}`],
    ['no Host', 'invalid-request', 'GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n'],
  ]
  for (const [name, code, text] of requests) test(`${name} is ${code}`, () => refusedRaw(text, code))

  test('a request that did not arrive in time is request-timeout', () => {
    const socket = new Socket()
    let sent = ''
    Object.defineProperty(socket, 'writable', { value: true })
    socket.end = (text?: unknown) => { sent = String(text); return socket }
    handleClientError(Object.assign(new Error('slow'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket, false)
    assert.match(sent, /^HTTP\/1\.1 408 Request Timeout\r\ncontent-type: application\/problem\+json\r\n/)
    assertRow(JSON.parse(sent.split('\r\n\r\n')[1] ?? '') as ProblemAnswer, 'request-timeout')
  })
  test('a reset connection is not answered', () => {
    const socket = new Socket()
    socket.end = () => assert.fail('nothing may be written')
    handleClientError(Object.assign(new Error('reset'), { code: 'ECONNRESET' }), socket, false)
    assert.equal(socket.destroyed, true)
  })
  test('garbage behind a request that is being answered is not answered: it would be read as that answer', () => {
    const socket = new Socket()
    socket.end = () => assert.fail('nothing may be written')
    handleClientError(Object.assign(new Error('garbage'), { code: 'HPE_INVALID_METHOD' }), socket, true)
    assert.equal(socket.destroyed, true)
  })
})

test('a bug is internal-error and its text stays inside', () => {
  const problem = problemOf(new TypeError('planted detail of a bug'))
  assert.equal(problem.code, 'internal-error')
  assert.equal(problem.detail.includes('planted'), false)
})
