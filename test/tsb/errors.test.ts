import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Effect, ProblemCode } from '../../src/errors.ts'
import { effectOf } from '../../src/errors.ts'
import { errorFromAnswer, readErrorBody, TsbError } from '../../src/tsb/tsb-error.ts'

const said = (errorCode: number, message = 'm', reason = 'res.error.in.hsm'): string => JSON.stringify({ errorCode, reason, message })

const errorOf = (status: number, body: string, secrets: readonly string[] = []): TsbError => errorFromAnswer('create-key', status,
  Buffer.from(body), secrets)

describe('what an answer of the TSB means', () => {
  const page = '<html><body>Bad Gateway</body></html>'
  const table: readonly [name: string, status: number, body: string, code: ProblemCode, effect: Effect, transient: boolean][] = [
    ['608 as 400', 400, said(608), 'key-label-taken', 'none', false],
    ['608 as 409', 409, said(608), 'key-label-taken', 'none', false],
    ['401 with 631', 401, said(631), 'tsb-unauthorized', 'none', false],
    ['401 with 416', 401, said(416), 'tsb-unauthorized', 'none', false],
    ['403 with 451', 403, said(451), 'tsb-unauthorized', 'none', false],
    ['a bare 401', 401, '', 'tsb-unauthorized', 'none', false],
    ['a 403 page', 403, page, 'tsb-unauthorized', 'none', false],
    ['400 with 600', 400, said(600), 'tsb-rejected', 'none', false],
    ['400 with 603', 400, said(603), 'tsb-rejected', 'none', false],
    ['400 with 606', 400, said(606), 'tsb-rejected', 'none', false],
    ['400 with 611', 400, said(611), 'tsb-rejected', 'none', false],
    ['400 with 501, an unknown enum', 400, said(501), 'tsb-rejected', 'none', false],
    ['400 with 621, broken JSON', 400, said(621), 'tsb-rejected', 'none', false],
    ['an input fault with 500', 500, said(600), 'tsb-error', 'unknown', false],
    ['an input fault with 503', 503, said(600), 'tsb-unavailable', 'unknown', true],
    ['a bare 400', 400, '', 'tsb-error', 'unknown', false],
    ['400 with an unknown code', 400, said(9999), 'tsb-error', 'unknown', false],
    ['400 with a code in quotes', 400, '{"errorCode":"600"}', 'tsb-error', 'unknown', false],
    ['400 with 620', 400, said(620), 'tsb-error', 'unknown', false],
    ['404 with 650', 404, said(650), 'tsb-error', 'unknown', false],
    ['a bare 404', 404, '', 'tsb-error', 'unknown', false],
    ['429', 429, '', 'tsb-unavailable', 'unknown', true],
    ['500 with 701, the catch-all', 500, said(701), 'tsb-error', 'unknown', false],
    ['a bare 500', 500, '', 'tsb-error', 'unknown', false],
    ['500 with 1', 500, said(1), 'tsb-error', 'unknown', true],
    ['500 with 2', 500, said(2), 'tsb-error', 'unknown', true],
    ['500 with 103', 500, said(103), 'tsb-error', 'unknown', true],
    ['500 with 700', 500, said(700), 'tsb-error', 'unknown', true],
    ['500 with 703', 500, said(703), 'tsb-error', 'unknown', true],
    ['a 502 page', 502, page, 'tsb-unavailable', 'unknown', true],
    ['a 503 page', 503, page, 'tsb-unavailable', 'unknown', true],
    ['a 504 page', 504, page, 'tsb-timeout', 'unknown', true],
    ['302', 302, '', 'tsb-invalid-response', 'unknown', false],
    ['307 with 608', 307, said(608), 'tsb-invalid-response', 'unknown', false],
  ]
  for (const [name, status, body, code, effect, transient] of table) {
    test(`${name} is ${code}, effect ${effect}${transient ? ', worth another try' : ''}`, () => {
      const error = errorOf(status, body)
      assert.deepEqual([error.code, error.effect, error.transient, error.call], [code, effect, transient, 'create-key'])
      assert.equal(effectOf(error), effect)
      assert.equal(error.extras.upstream?.status, status)
    })
  }
  test('an error that says nothing of its effect may have changed anything', () => {
    assert.deepEqual([new Error('x'), 'none', { effect: 'none' }, undefined].map(effectOf), ['unknown', 'unknown', 'unknown', 'unknown'])
  })
})

describe('what of it is passed on', () => {
  test('code, reason and message', () => {
    assert.deepEqual(errorOf(500, said(701, 'Error unwrapping key')).extras.upstream,
      { status: 500, errorCode: 701, reason: 'res.error.in.hsm', message: 'Error unwrapping key' })
  })
  const bodies: readonly [string, string][] = [['nothing', ''], ['a page', '<html>planted</html>'], ['null', 'null'], ['an array', '[1]'],
    ['a text', '"planted"'], ['other types', '{"errorCode":1.5,"reason":7,"message":{}}']]
  for (const [name, body] of bodies) test(`of ${name} only the status`, () => assert.deepEqual(errorOf(500, body).extras.upstream, { status: 500 }))

  const reasons: readonly [string, boolean][] = [['res.error.key.already.existing', true], ['a'.repeat(100), true],
    ['a'.repeat(101), false], ['', false], ['two words', false], ['<b>', false], ['line\nfeed', false]]
  for (const [reason, passed] of reasons) {
    test(`the reason ${JSON.stringify(reason.slice(0, 30))} (${reason.length}) is ${passed ? 'passed on' : 'left out'}`, () => {
      assert.equal(errorOf(500, said(701, 'm', reason)).extras.upstream?.reason, passed ? reason : undefined)
    })
  }

  const messages: readonly [string, string, string | undefined][] = [
    ['200 characters stay', 'x'.repeat(200), 'x'.repeat(200)],
    ['more are cut', 'x'.repeat(5000), 'x'.repeat(200)],
    ['line feeds and controls become one blank', 'one\r\n\u001b[31mtwo\u0000', 'one [31mtwo'],
    ['bidirectional marks go', 'a\u202eb\u2066c\u2028d', 'a b c d'],
    ['nothing but controls is nothing', '\u0000\n', undefined],
    ['an empty message is nothing', '', undefined],
  ]
  for (const [name, message, expected] of messages) test(name,
    () => assert.equal(errorOf(500, said(701, message)).extras.upstream?.message, expected))

  const secret = 'S3,c r"t'
  const leaks: readonly [string, string][] = [
    ['as it is', `wrong password ${secret} for key`], ['as a JSON array', `sent ${JSON.stringify([...secret])}`],
      ['as Java prints an array', `sent [${[...secret].join(', ')}]`],
    ['with other separators', `sent ${[...secret].join(' ')}`], ['behind the cut', `${'x'.repeat(400)}${secret}`], ['split over lines', 'S3,c\n r"t'],
  ]
  for (const [name, message] of leaks) {
    test(`a message that holds the password ${name} is left out`, () => {
      const error = errorOf(500, said(701, message), ['other-secret', secret])
      assert.deepEqual(error.extras.upstream, { status: 500, errorCode: 701, reason: 'res.error.in.hsm' })
      assert.equal(error.detail.includes(secret), false)
    })
  }
  test('an empty secret and one of separators only do not hide every message', () => {
    assert.equal(errorOf(500, said(701, 'plain'), ['', '"']).extras.upstream?.message, 'plain')
  })
  test('a message without the secret stays', () => assert.equal(errorOf(500, said(701, 'plain'), [secret]).extras.upstream?.message, 'plain'))
  test('readErrorBody keeps members of the documented types only', () => {
    assert.deepEqual(readErrorBody(Buffer.from('{"errorCode":650,"reason":null,"message":"m","more":1}')), { errorCode: 650, message: 'm' })
  })
})
