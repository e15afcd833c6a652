import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { ProblemCode } from '../../src/errors.ts'
import { pointersOf, problemIn } from '../support/problem.ts'
import { order, startService, type Service } from '../support/service.ts'
import { answersIn, assertProblem, BUNDLES, openRaw, postHead, request } from './raw-client.ts'

let service: Service
before(async () => { service = await startService() })
after(() => service.stop())
beforeEach(() => { service.simulator.requests.length = 0; service.log.length = 0 })

const close = 'connection: close'
const nothingHappened = (): void => {
  assert.deepEqual(service.simulator.requests, [])
  assert.deepEqual(service.log.filter((line) => Number(line['level']) >= 40), [])
}

describe('requests that no browser sends', () => {
  const bomb = gzipSync(Buffer.alloc(50_000_000, ' '))
  const good = JSON.stringify(order('unusual'))
  for (const [name, code, text] of [
    ['an expectation that nobody knows', 'invalid-request', `${postHead(2, 'expect: nonsense', close)}{}`],
    ['QUERY, which may have a body, without a media type', 'method-not-allowed', request('QUERY', BUNDLES, close)],
    ['PROPFIND', 'method-not-allowed', request('PROPFIND', BUNDLES, close)],
    ['TRACE, which would show the headers of a proxy', 'method-not-allowed', request('TRACE', BUNDLES, close)],
    ['a method that overrides itself', 'method-not-allowed', request('DELETE', BUNDLES, 'x-http-method-override: POST', close)],
    ['two hosts: a proxy in front may have looked at the other one', 'invalid-request', request('GET', '/livez', 'host: another', close)],
    ['OPTIONS *', 'not-found', request('OPTIONS', '*', close)],
    ['the beginning of HTTP/2', 'invalid-request', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a TLS hello', 'invalid-request', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003\r\n\r\n'],
    ['a request of HTTP/0.9', 'invalid-request', 'GET /livez\r\n\r\n'],
    ['bytes beyond ASCII in the path', 'invalid-request', request('GET', `${BUNDLES}/\u00e9`, close)],
    ['a NUL in a header', 'invalid-request', request('GET', '/livez', 'x-nul: a\u0000b')],
    ['a header that goes on in the next line', 'invalid-request', request('GET', '/livez', 'x-fold: a\r\n b')],
    ['a blank before the colon', 'invalid-request', request('GET', '/livez', 'x-blank : a')],
    ['a line feed without a carriage return', 'invalid-request', 'GET /livez HTTP/1.1\nhost: service\nx: y\n\n'],
    ['2100 headers', 'headers-too-large', request('GET', '/livez', ...Array.from({ length: 2_100 }, (_, i) => `x-${i}: ${i}`))],
    ['two different lengths', 'invalid-request', `${postHead(2, 'content-length: 4')}{}`],
    ['an obscured transfer-encoding', 'invalid-request', `${postHead(0, 'transfer-encoding: chunked, identity')}2\r\n{}\r\n0\r\n\r\n`],
    ['a chunk without a size', 'invalid-request', `${postHead('chunked')}zz\r\n`],
    ['a chunk of 2^64 bytes', 'invalid-request', `${postHead('chunked')}10000000000000000\r\n`],
    ['a chunk extension of 20 KB', 'payload-too-large', `${postHead('chunked')}2;${'x'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`],
    ['trailers of 20 KB', 'headers-too-large', `${postHead('chunked')}2\r\n{}\r\n0\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['a body without end', 'payload-too-large', `${postHead('chunked')}${`4000\r\n${' '.repeat(0x4000)}\r\n`.repeat(5)}`],
    ['a length of 5 GB', 'payload-too-large', postHead(5_000_000_000)],
    ['an Idempotency-Key with a line feed inside', 'invalid-request', `${postHead(good.length, 'idempotency-key: a\nx-evil: b')}${good}`],
  ] satisfies readonly [string, ProblemCode, string][]) {
    test(`${name}: ${code}`, async (t) => {
      const client = openRaw(t, service.url)
      client.send(Buffer.from(text, 'latin1'))
      assertProblem(await client.ended, code)
      nothingHappened()
    })
  }

  test('CONNECT is hung up on', async (t) => {
    const client = openRaw(t, service.url)
    client.send(request('CONNECT', 'tsb.example:443'))
    assert.equal(await client.ended, '')
    nothingHappened()
  })
  test('an upgrade is not made: the request is answered as if nobody had asked', async (t) => {
    const client = openRaw(t, service.url)
    client.send(request('GET', '/livez', 'connection: upgrade, close', 'upgrade: websocket'))
    assert.deepEqual(answersIn(await client.ended).map(({ status, body }) => [status, body]), [[200, 'ok\n']])
  })
  test('a body that turns out to be none behind its answer is not answered once more', async (t) => {
    for (const [path, status] of [['/nowhere', 404], ['/%zz', 400]] as const) {
      const client = openRaw(t, service.url)
      client.send(`POST ${path} HTTP/1.1\r\nhost: service\r\ntransfer-encoding: chunked\r\n\r\n`)
      await client.has('"code"')
      client.send('zz\r\n')
      assert.deepEqual(answersIn(await client.ended).map((answer) => answer.status), [status], path)
    }
    nothingHappened()
  })
  test('a compressed body is not unpacked, however large it would become', async () => {
    assert.ok(bomb.length < 65_536)
    const answer = await fetch(service.url + BUNDLES, { method: 'POST', headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' }, body: bomb })
    await problemIn(answer, 'invalid-request')
    nothingHappened()
  })
  test('a client that hangs up in the middle of its body is nobody\'s error', async (t) => {
    const client = openRaw(t, service.url)
    const seen = new Promise<void>((resolve) => { service.server.once('request', (_: unknown, response: { once(event: 'close', then: () => void): void }) => { response.once('close', resolve) }) })
    client.send(`${postHead(1_000)}{"key":`)
    client.socket.end()
    await seen
    nothingHappened()
  })
})

describe('JSON that costs', () => {
  test('30000 levels are refused at the seventeenth', async () => {
    for (const [open, shut] of [['[', ']'], ['{"a":', '}']] as const) {
      const levels = Math.floor(60_000 / (open.length + 1))
      const problem = await problemIn(await service.post(open.repeat(levels) + (open === '[' ? '' : '1') + shut.repeat(levels)), 'invalid-request')
      assert.match(problem.detail, /16 levels/)
    }
    nothingHappened()
  })
  test('a list whose items must differ names their type: else each would be compared with each, for seconds', async () => {
    const text = readFileSync(new URL('../../openapi/openapi.json', import.meta.url), 'utf8')
    const lists: unknown[] = []
    JSON.parse(text, (_, value: unknown) => {
      if (typeof value === 'object' && value !== null && 'uniqueItems' in value) lists.push((value as unknown as { items: { type?: unknown } }).items.type)
      return value
    })
    assert.deepEqual(lists, ['string', 'string'])
    const keyUsage = Array.from({ length: 3_000 }, (_, i) => ({ a: [{ b: i }] }))
    assert.ok(pointersOf(await problemIn(await service.post(order('costly', {}, { keyUsage })), 'invalid-request')).includes('/csr/keyUsage'))
  })
  test('members that every object inherits are unknown fields', async () => {
    for (const name of ['constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__']) {
      for (const where of ['', '/key', '/csr', '/csr/standardCertificateAttributes', '/key/attributes']) {
        const body: Record<string, unknown> = order('inherits', { attributes: {} })
        const at = where.split('/').slice(1).reduce((value, member) => value[member] as Record<string, unknown>, body)
        at[name] = { prototype: { polluted: true } }
        assert.deepEqual(pointersOf(await problemIn(await service.post(body), 'invalid-request')), [`${where}/${name}`])
      }
    }
    nothingHappened()
  })
})

describe('ids and labels in a path or query never reach the journal unless one could be there', () => {
  for (const label of ['a%00b', '%ff', '%', 'a%0d%0aset-cookie:x=y', "a'--", 'a%25', '%E2%80%AEa', 'a*', '\\']) {
    test(`label=${label}`, async () => {
      assert.deepEqual(pointersOf(await problemIn(await service.get(`${BUNDLES}?label=${label}`), 'invalid-request')), ['/label'])
    })
  }
  for (const id of ['%00', 'a%00b', '..%2f..%2fetc%2fpasswd', '6F1B7F0E-8D0E-4B6E-9A51-0C8C1D6D3E11', "'or'1'='1", '__proto__', 'constructor', '%E2%80%AE']) {
    test(`the id ${id}`, async () => { await problemIn(await service.get(`${BUNDLES}/${id}`), 'not-found') })
  }
})
