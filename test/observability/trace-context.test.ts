import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readTraceContext, traceHeaders } from '../../src/observability/trace-context.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'
const good = `00-${TRACE}-${PARENT}-01`

describe('traceparent', () => {
  test('is read, and written as it was', () => {
    const context = readTraceContext({ traceparent: good })
    assert.deepEqual(context, { traceId: TRACE, spanId: PARENT, flags: 1 })
    assert.deepEqual(traceHeaders(context!), { traceparent: good })
  })
  test('of a later version is read as far as it is known', () => {
    assert.deepEqual(readTraceContext({ traceparent: `cc-${TRACE}-${PARENT}-00-what-comes-then` }), { traceId: TRACE, spanId: PARENT, flags: 0 })
  })
  test('loses flags that have no meaning yet', () => assert.equal(readTraceContext({ traceparent: `00-${TRACE}-${PARENT}-ff` })?.flags, 1))

  for (const [what, value] of Object.entries({
    'an upper-case digit': good.toUpperCase(), 'the forbidden version': `ff-${TRACE}-${PARENT}-01`, 'a trace of zeros': `00-${'0'.repeat(32)}-${PARENT}-01`,
    'a parent of zeros': `00-${TRACE}-${'0'.repeat(16)}-01`, 'more fields in version 00': `${good}-00`, 'a short trace': `00-${TRACE.slice(1)}-${PARENT}-01`,
    'two of them': `${good}, ${good}`, 'a blank in front': ` ${good}`, 'nothing': '', 'a long end': `cc-${TRACE}-${PARENT}-01x`,
  })) {
    test(`with ${what} is none`, () => assert.equal(readTraceContext({ traceparent: value, tracestate: 'a=b' }), undefined))
  }
})

describe('tracestate', () => {
  const stateOf = (tracestate: string): string | undefined => readTraceContext({ traceparent: good, tracestate })?.state

  test('goes on unread, without blanks and empty members between its own', () => {
    assert.equal(stateOf('rojo=00f067aa0ba902b7 ,\tcongo=t61rcWkgMzE,,1tenant@vendor=a b'), 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE,1tenant@vendor=a b')
    assert.equal(traceHeaders({ traceId: TRACE, spanId: PARENT, flags: 0, state: 'a=b' })['tracestate'], 'a=b')
  })
  for (const [what, value] of Object.entries({
    'no value': 'a', 'an empty value': 'a=', 'an upper-case key': 'A=b', 'an equals sign in a value': 'a=b=c', 'a key twice': 'a=1,a=2',
    'a control character': 'a=b\u0007', '33 members': Array.from({ length: 33 }, (_, i) => `k${i}=v`).join(','), '513 characters': `a=${'b'.repeat(255)},c=${'d'.repeat(253)}`,
    'nothing': '',
  })) {
    test(`with ${what} is dropped, and the trace goes on`, () => assert.deepEqual(readTraceContext({ traceparent: good, tracestate: value }), { traceId: TRACE, spanId: PARENT, flags: 1 }))
  }
})
