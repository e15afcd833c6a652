import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPairSync } from 'node:crypto'
import { setInterval as every } from 'node:timers/promises'
import { after, before, beforeEach, describe, test } from 'node:test'
import { certificatePem, issueCertificate } from '../../src/simulator/certificates.ts'
import { nameOf } from '../../src/simulator/names.ts'
import { CONNECTION_LIMITS } from '../../src/routes/connections.ts'
import { order, startService, type Service } from '../support/service.ts'
import { answersIn, assertProblem, BUNDLES, nextConnection, openRaw, postHead, request } from './raw-client.ts'

/** Production's limits with a hundredth of their time, so that a test can wait for each end. */
const SHORT = { handshakeMs: 200, headersMs: 400, requestMs: 600, answerMs: 600, checkEveryMs: 50 }

let service: Service
before(async () => { service = await startService({ limits: SHORT }) })
after(() => service.stop())
beforeEach(() => { service.simulator.requests.length = 0; service.log.length = 0 })

const quiet = (): void => {
  assert.deepEqual(service.simulator.requests, [])
  assert.deepEqual(service.log.filter((line) => Number(line['level']) >= 40), [])
}

test('production has limits for everything but the transaction itself', async (t) => {
  const real = await startService()
  t.after(() => real.stop())
  const { headersTimeout, requestTimeout, timeout, maxConnections } = real.server as unknown as Record<string, number>
  assert.deepEqual(CONNECTION_LIMITS, { handshakeMs: 10_000, headersMs: 15_000, requestMs: 30_000, answerMs: 60_000, checkEveryMs: 5_000 })
  assert.deepEqual([headersTimeout, requestTimeout, timeout, maxConnections], [15_000, 30_000, 0, 16 + 256 + 1_000])
})

describe('a client that is slow to ask', () => {
  for (const [name, first, drip] of [
    ['says nothing', '', ''],
    ['sends its head a byte at a time', `POST ${BUNDLES} HTTP/1.1\r\nhost: service\r\nx-slow: `, 'x'],
    ['sends its head a line at a time', `POST ${BUNDLES} HTTP/1.1\r\nhost: service\r\n`, 'x-more: x\r\n'],
    ['sends its body a byte at a time', postHead(60_000), ' '],
    ['sends its body in chunks of one byte', postHead('chunked'), '1\r\n \r\n'],
    ['announces a body and sends none', postHead(1_000), ''],
  ] as const) {
    test(`and ${name} is told request-timeout and cut`, async (t) => {
      const connection = nextConnection(service.server)
      const client = openRaw(t, service.url)
      client.send(first)
      const dripping = new AbortController()
      void (async () => { for await (const _ of every(20, undefined, { signal: dripping.signal })) client.send(drip) })().catch(() => undefined)
      const text = await client.ended
      dripping.abort()
      assertProblem(text, 'request-timeout')
      await (await connection).closed
      quiet()
    })
  }

  test('and keeps its half of the connection open after it was refused is cut all the same', async (t) => {
    for (const text of ['garbage\r\n\r\n', `${postHead('chunked')}zz\r\n`]) {
      const connection = nextConnection(service.server)
      const client = openRaw(t, service.url, true)
      client.send(text)
      assertProblem(await client.ended, 'invalid-request')
      await (await connection).closed
    }
    quiet()
  })

  test('and never finishes a TLS handshake is cut', async (t) => {
    const home = mkdtempSync(join(tmpdir(), 'tls-'))
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    const subject = nameOf(['CN', 'service'])
    const day = 86_400_000
    const der = issueCertificate({ subject, publicKey, issuer: { subject, privateKey }, extensions: [], notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + day) })
    writeFileSync(join(home, 'cert.pem'), certificatePem(der))
    writeFileSync(join(home, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    const secure = await startService({ limits: SHORT, env: { TLS_CERT_FILE: join(home, 'cert.pem'), TLS_KEY_FILE: join(home, 'key.pem') } })
    t.after(async () => { await secure.stop(); rmSync(home, { recursive: true }) })
    for (const hello of ['', '\u0016\u0003\u0001']) {
      const connection = nextConnection(secure.server)
      openRaw(t, secure.url).send(hello)
      await (await connection).closed
    }
  })
})

describe('a client that is slow to read', () => {
  test('is not cut while its transaction runs, which may take longer than every limit', async () => {
    service.simulator.faults.set('certificate-request', { kind: 'slow', delayMs: 1_000 })
    const answer = await service.post(order('longer-than-limits'))
    assert.equal(answer.status, 201)
    assert.equal(Buffer.from(await answer.arrayBuffer()).readUInt32BE(0), 0x504b0304)
  })

  for (const [name, reads] of [['never reads', false], ['reads a little now and then', true]] as const) {
    test(`and ${name} is cut`, async (t) => {
      const connection = nextConnection(service.server)
      const socket = connect({ port: Number(new URL(service.url).port), host: '127.0.0.1' }).pause().on('error', () => undefined)
      t.after(() => socket.destroy())
      const { closed } = await connection
      // Asks for the next answer when the kernel has taken the last one, until it takes no more.
      const ask = (): void => { socket.write(request('GET', '/openapi.json')) }
      const follow = (_: unknown, response: ServerResponse): void => { response.once('finish', ask) }
      service.server.on('request', follow)
      ask()
      const dripping = new AbortController()
      const asking = (async () => {
        for await (const _ of every(20, undefined, { signal: dripping.signal })) if (reads) socket.read(1_000)
      })().catch(() => undefined)
      await closed
      dripping.abort()
      await asking
      service.server.off('request', follow)
      quiet()
    })
  }
})

test('a client that does not take the answer to a path that cannot be decoded is cut', async (t) => {
  const connection = nextConnection(service.server)
  // As if the kernel took no more: so small an answer would have to be asked for ten thousand times.
  service.server.prependOnceListener('request', (incoming: IncomingMessage) => { incoming.socket.write = () => false })
  openRaw(t, service.url).send(request('GET', '/%zz'))
  await (await connection).closed
  quiet()
})

describe('requests in a row on one connection', () => {
  test('garbage behind a request that is being answered is not answered in its place', async (t) => {
    const body = JSON.stringify(order('in-a-row'))
    const arrived = service.simulator.next('certificate-request')
    service.simulator.faults.set('certificate-request', { kind: 'slow', delayMs: 200 })
    const client = openRaw(t, service.url)
    client.send(request('GET', '/livez') + postHead(body.length) + body)
    await arrived
    client.send('garbage\r\n\r\n')
    const answers = answersIn(await client.ended)
    assert.deepEqual(answers.map(({ status }) => status), [200])
    await service.logged(({ label, outcome }) => label === 'in-a-row' && outcome === 'failed')
  })

  for (const path of ['/openapi.json', '/%zz']) {
    test(`a packet of a thousand requests for ${path} gets eight answers at most, and no memory for the others`, async (t) => {
      const connection = nextConnection(service.server)
      const client = openRaw(t, service.url)
      const before = process.memoryUsage().arrayBuffers
      client.send(request('GET', path).repeat(1_000))
      await (await connection).closed
      assert.ok(process.memoryUsage().arrayBuffers - before < 20_000_000)
      assert.ok((await client.ended).split('HTTP/1.1').length <= 1 + 8)
      quiet()
    })
  }

  test('an answer that waits for the one before it has its time once it is on the wire', async (t) => {
    const body = JSON.stringify(order('waits-in-a-row'))
    service.simulator.faults.set('certificate-request', { kind: 'slow', delayMs: 900 })
    const client = openRaw(t, service.url)
    client.send(postHead(body.length) + body + request('GET', '/livez', 'connection: close'))
    assert.deepEqual(answersIn(await client.ended).map(({ status }) => status), [201, 200])
  })
})

test('more connections than there can be callers are closed at once, and the others are served', async (t) => {
  const crowded = await startService({ env: { MAX_TRANSACTIONS: '1', MAX_QUEUED: '0' } })
  t.after(() => crowded.stop())
  const limit = crowded.server.maxConnections
  assert.equal(limit, 1_001)
  crowded.server.maxConnections = 50
  const first = openRaw(t, crowded.url)
  first.send('GET /livez HTTP/1.1\r\n')
  await nextConnection(crowded.server)
  const others = Array.from({ length: 80 }, () => openRaw(t, crowded.url))
  let dropped = 0
  await new Promise<void>((resolve) => { crowded.server.on('drop', () => { dropped += 1; if (dropped === 31) resolve() }) })
  first.send('host: service\r\n\r\n')
  await first.has('ok')
  assert.equal(answersIn(first.received())[0]?.status, 200)
  for (const { socket } of others) socket.destroy()
})
