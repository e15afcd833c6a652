import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import { certificateAuthority, serverIdentity } from '../auth/certificates.ts'
import type { Effect, ProblemCode } from '../../src/errors.ts'
import { openHttp, type Http, type HttpSettings, type TsbRequest } from '../../src/tsb/http.ts'
import { TsbError } from '../../src/tsb/tsb-error.ts'

const request: TsbRequest = { call: 'key-attributes', method: 'POST', path: '/v1/key/attributes', body: { label: 'seal-01' },
  timeoutMs: 5_000, maxBytes: 10_000 }
const createKey: TsbRequest = { ...request, call: 'create-key', path: '/v1/key', ownConnection: true }

interface Listening { readonly url: string; readonly port: number; readonly sockets: Socket[] }

/** Listens until the end of the test, and cuts off what is left then. */
async function listen(context: TestContext, server: Server, scheme = 'http'): Promise<Listening> {
  const sockets: Socket[] = []
  server.on('connection', (socket: Socket) => { sockets.push(socket); socket.on('error', () => undefined) })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const { port } = server.address() as AddressInfo
  context.after(() => { server.close(); for (const socket of sockets) socket.destroy() })
  return { url: `${scheme}://127.0.0.1:${port}`, port, sockets }
}

const serve = (context: TestContext, listener: RequestListener): Promise<Listening> => listen(context, createHttpServer(listener))

function open(context: TestContext, url: string, more: Partial<HttpSettings> = {}): Http {
  const http = openHttp({ url, connectTimeoutMs: 5_000, connections: 2, tls: {}, ...more })
  context.after(() => http.close())
  return http
}

async function fails(sending: Promise<unknown>, code: ProblemCode, effect: Effect, transient: boolean): Promise<TsbError> {
  const error = await sending.then(() => assert.fail('it was answered'), (thrown: unknown) => thrown)
  assert.ok(error instanceof TsbError, String(error))
  assert.deepEqual([error.code, error.effect, error.transient], [code, effect, transient], error.detail)
  return error
}

test('sends the method, the path below the prefix, JSON and the given headers, and gives status and bytes', async (context) => {
  const seen: { line: string; headers: IncomingHttpHeaders; body: string }[] = []
  const { url } = await serve(context, async (incoming, response) => {
    let body = ''
    for await (const chunk of incoming) body += String(chunk)
    seen.push({ line: `${incoming.method} ${incoming.url}`, headers: incoming.headers, body })
    response.writeHead(418, { 'content-type': 'text/html' }).end('r\u00e9ponse')
  })
  const http = open(context, `${url}/tsb/`)
  const answer = await http.send({ ...request, body: { label: 'a"b', password: ['x'] } }, { 'x-api-key': 'k' }, undefined)
  assert.deepEqual([answer.status, answer.body.toString()], [418, 'r\u00e9ponse'])
  await http.send({ call: 'version-info', method: 'GET', path: '/v1/versionInfo', accept: '*/*', timeoutMs: 5_000, maxBytes: 100 }, {}, undefined)
  assert.deepEqual(seen.map(({ line, body }) => [line, body]),
    [['POST /tsb/v1/key/attributes', '{"label":"a\\"b","password":["x"]}'], ['GET /tsb/v1/versionInfo', '']])
  assert.deepEqual(seen.map(({ headers }) => [headers['accept'], headers['content-type'], headers['x-api-key']]),
    [['application/json', 'application/json', 'k'], ['*/*', undefined, undefined]])
})

describe('what a broken connection may have changed', () => {
  for (const [name, sent] of [['a pooled call', request], ['create-key', createKey]] as const) {
    test(`${name}: refused, so nothing was sent`, async (context) => {
      const server = createTcpServer()
      const { url } = await listen(context, server)
      await new Promise((resolve) => { server.close(resolve) })
      await fails(open(context, url).send(sent, {}, undefined), 'tsb-unavailable', 'none', false)
    })
    test(`${name}: reset before the answer is unknown`, async (context) => {
      const { url } = await serve(context, (incoming) => { incoming.socket.resetAndDestroy() })
      await fails(open(context, url).send(sent, {}, undefined), 'tsb-unavailable', 'unknown', true)
    })
    test(`${name}: closed without a word is unknown`, async (context) => {
      const { url } = await listen(context, createTcpServer((socket) => { socket.once('data', () => socket.end()) }))
      await fails(open(context, url).send(sent, {}, undefined), 'tsb-unavailable', 'unknown', true)
    })
    test(`${name}: reset in the middle of the answer is unknown`, async (context) => {
      const { url } = await serve(context, (_incoming, response) => {
        response.writeHead(201, { 'content-length': 100 })
        response.write('{"json"', () => response.socket?.resetAndDestroy())
      })
      await fails(open(context, url).send(sent, {}, undefined), 'tsb-unavailable', 'unknown', true)
    })
    test(`${name}: what is no HTTP is unknown`, async (context) => {
      const { url } = await listen(context, createTcpServer((socket) => { socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9.2\r\n')) }))
      await fails(open(context, url).send(sent, {}, undefined), 'tsb-unavailable', 'unknown', true)
    })
    test(`${name}: no answer in time is unknown`, async (context) => {
      const { url } = await serve(context, () => undefined)
      await fails(open(context, url).send({ ...sent, timeoutMs: 50 }, {}, undefined), 'tsb-timeout', 'unknown', true)
    })
    test(`${name}: an answer that stalls is unknown`, async (context) => {
      const { url } = await serve(context, (_incoming, response) => { response.writeHead(201).write('{') })
      await fails(open(context, url).send({ ...sent, timeoutMs: 100 }, {}, undefined), 'tsb-timeout', 'unknown', true)
    })
    test(`${name}: the transaction's deadline counts as a time-out`, async (context) => {
      const deadline = new AbortController()
      const { url } = await serve(context, () => { deadline.abort() })
      await fails(open(context, url).send(sent, {}, deadline.signal), 'tsb-timeout', 'unknown', true)
    })
    test(`${name}: an answer without end is cut off`, async (context) => {
      let closed = (): void => {}
      const hungUp = new Promise<void>((resolve) => { closed = resolve })
      const { url } = await serve(context, (_incoming, response) => {
        const more = (): void => { while (!response.destroyed && response.write(Buffer.alloc(65_536, ' '))); }
        response.on('drain', more).on('close', () => { closed() })
        response.writeHead(200)
        more()
      })
      const error = await fails(open(context, url).send(sent, {}, undefined), 'tsb-invalid-response', 'unknown', false)
      assert.match(error.detail, /more than 10000 bytes/)
      await hungUp
    })
  }
  test('create-key to a host without an address sends nothing', async (context) => {
    await fails(open(context, 'http://tsb.invalid').send(createKey, {}, undefined), 'tsb-unavailable', 'none', false)
  })
  test('create-key to a server that never finishes the TLS handshake sends nothing', async (context) => {
    const { port } = await listen(context, createTcpServer())
    await fails(open(context, `https://127.0.0.1:${port}`, { connectTimeoutMs: 100 }).send(createKey, {}, undefined), 'tsb-unavailable', 'none', false)
  })
  test('the error names the call and neither address nor body', async (context) => {
    const { url, port } = await serve(context, (incoming) => { incoming.socket.resetAndDestroy() })
    const error = await fails(open(context, url).send({ ...createKey, body: { password: ['planted'] } }, { 'x-api-key': 'planted' },
      undefined), 'tsb-unavailable', 'unknown', true)
    assert.match(error.detail, /create-key/)
    assert.equal(error.detail.includes('planted') || error.detail.includes(String(port)), false)
  })
})

test('an answer of exactly the limit is read', async (context) => {
  const { url } = await serve(context, (_incoming, response) => { response.end(Buffer.alloc(10_000)) })
  assert.equal((await open(context, url).send(request, {}, undefined)).body.length, 10_000)
})

test('a redirect is not followed, and the credentials go nowhere', async (context) => {
  const other = await serve(context, () => assert.fail('the redirect was followed'))
  const { url } = await serve(context, (_incoming, response) => { response.writeHead(307, { location: `${other.url}/v1/key` }).end() })
  assert.equal((await open(context, url).send(createKey, { 'x-api-key': 'k' }, undefined)).status, 307)
  assert.equal(other.sockets.length, 0)
})

test('pooled calls share a connection, each create-key has one of its own and closes it', async (context) => {
  const closing: (string | undefined)[] = []
  const { url, sockets } = await serve(context, (incoming, response) => { closing.push(incoming.headers.connection); response.end('{}') })
  const http = open(context, url, { connections: 1 })
  await http.send(request, {}, undefined)
  await http.send(request, {}, undefined)
  assert.equal(sockets.length, 1)
  await http.send(createKey, {}, undefined)
  await http.send(createKey, {}, undefined)
  assert.equal(sockets.length, 3)
  await http.send(request, {}, undefined)
  assert.equal(sockets.length, 3)
  assert.deepEqual(closing, ['keep-alive', 'keep-alive', 'close', 'close', 'keep-alive'])
})

test('what may not leave any more when its connection stands is not sent, and what kept it back is thrown', async (context) => {
  const { url, sockets } = await serve(context, () => assert.fail('it was sent'))
  const refusal = new Error('not ours any more')
  await assert.rejects(open(context, url).send({ ...createKey, leaves() { throw refusal } }, {}, undefined), refusal)
  assert.equal(sockets.length, 1)
})

describe('TLS', () => {
  let folder = ''
  const pem = (name: string): string => readFileSync(join(folder, name), 'utf8')
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'tsb-tls-'))
    for (const [name, san] of [['right', 'IP:127.0.0.1'], ['wrong', 'DNS:tsb.example']]) {
      execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj',
        '/CN=TSB of a test',
        '-addext', `subjectAltName=${san}`, '-keyout', `${name}.key`, '-out', `${name}.pem`], { cwd: folder, stdio: 'ignore' })
    }
  })
  after(() => { rmSync(folder, { recursive: true, force: true }) })

  const serveTls = (context: TestContext, name: string, listener: RequestListener, more: object = {}): Promise<Listening> =>
    listen(context, createHttpsServer({ cert: pem(`${name}.pem`), key: pem(`${name}.key`), ...more }, listener), 'https')
  const nothing: RequestListener = () => assert.fail('nothing may arrive')

  for (const [name, sent] of [['a pooled call', request], ['create-key', createKey]] as const) {
    test(`${name}: a self-signed certificate is refused before anything is sent`, async (context) => {
      const { url } = await serveTls(context, 'right', nothing)
      await fails(open(context, url).send(sent, {}, undefined), 'tsb-unavailable', 'none', false)
    })
    test(`${name}: a certificate for another host is refused before anything is sent`, async (context) => {
      const { url } = await serveTls(context, 'wrong', nothing)
      await fails(open(context, url, { tls: { ca: pem('wrong.pem') } }).send(sent, {}, undefined), 'tsb-unavailable', 'none', false)
    })
    test(`${name}: a certificate that has expired, or is not yet valid, is refused before anything is sent`, async (context) => {
      const day = 86_400_000
      const authority = await certificateAuthority('CA of the TSB')
      for (const [from, to] of [[-2, -1], [1, 2]] as const) {
        const { url } = await listen(context, createHttpsServer(await serverIdentity(authority, {
          notBefore: new Date(Date.now() + from * day), notAfter: new Date(Date.now() + to * day),
        }), nothing), 'https')
        await fails(open(context, url, { tls: { ca: authority.pem } }).send(sent, {}, undefined), 'tsb-unavailable', 'none', false)
      }
      const { url } = await listen(context, createHttpsServer(await serverIdentity(authority), (_incoming, response) => { response.end('{}') }), 'https')
      assert.equal((await open(context, url, { tls: { ca: authority.pem } }).send(sent, {}, undefined)).status, 200)
    })
    test(`${name}: the operator's CA is trusted`, async (context) => {
      const { url } = await serveTls(context, 'right', (_incoming, response) => { response.end('{}') })
      assert.equal((await open(context, url, { tls: { ca: pem('right.pem') } }).send(sent, {}, undefined)).status, 200)
    })
  }
  test('create-key: a server that speaks no TLS is refused before anything is sent', async (context) => {
    const { port } = await serve(context, nothing)
    await fails(open(context, `https://127.0.0.1:${port}`).send(createKey, {}, undefined), 'tsb-unavailable', 'none', false)
  })
  test('create-key: TLS 1.1 is refused before anything is sent', async (context) => {
    const { url } = await serveTls(context, 'right', nothing, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })
    await fails(open(context, url, { tls: { ca: pem('right.pem') } }).send(createKey, {}, undefined), 'tsb-unavailable', 'none', false)
  })
  test('a client certificate is shown where one is set', async (context) => {
    const { url } = await serveTls(context, 'right', (_incoming, response) => { response.end('{}') },
      { requestCert: true, rejectUnauthorized: true, ca: pem('wrong.pem') })
    const tls = { ca: pem('right.pem'), cert: pem('wrong.pem'), key: pem('wrong.key') }
    assert.equal((await open(context, url, { tls }).send(createKey, {}, undefined)).status, 200)
  })
})
