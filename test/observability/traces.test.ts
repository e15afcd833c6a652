import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { order, startService, type LogLine, type Service } from '../support/service.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const CALLER_SPAN = '00f067aa0ba902b7'
const traceparent = `00-${TRACE}-${CALLER_SPAN}-01`

let service: Service
before(async () => { service = await startService() })
after(() => service.stop())
beforeEach(() => {
  service.simulator.requests.length = 0
  service.log.length = 0
})

const sent = (): string[] => service.simulator.requests.map(({ headers }) => String(headers['traceparent']))
const fields = (context: string): string[] => context.split('-')
const line = (msg: string): LogLine => service.log.find((each) => each['msg'] === msg)!

test("without OpenTelemetry the caller's trace goes through answer and log to every call of the TSB", async () => {
  const answer = await service.post(order('joined'), { traceparent, tracestate: 'vendor=1' })
  assert.equal(answer.status, 201)
  const calls = sent()
  assert.ok(calls.length >= 4)
  for (const call of calls) assert.match(call, new RegExp(`^00-${TRACE}-(?!${CALLER_SPAN})[0-9a-f]{16}-01$`))
  assert.equal(new Set(calls).size, calls.length)
  assert.ok(service.simulator.requests.every(({ headers }) => headers['tracestate'] === 'vendor=1'))
  assert.match(answer.headers.get('traceresponse')!, new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`))
  for (const msg of ['transaction began', 'transaction completed', 'audit']) assert.equal(line(msg)['trace_id'], TRACE, msg)
  // A line about a call names the span that the TSB was told.
  const logged = service.log.filter(({ msg }) => msg === 'TSB call').map((each) => `00-${String(each['trace_id'])}-${String(each['span_id'])}-01`)
  assert.deepEqual(logged, calls)
})

test('without a trace of the caller, or with one that is not valid, a new one begins, which nobody records', async () => {
  for (const headers of [{}, { traceparent: `00-${'0'.repeat(32)}-${CALLER_SPAN}-01`, tracestate: 'vendor=1' }]) {
    service.simulator.requests.length = 0
    const answer = await service.post(order(`new-${Object.keys(headers).length}`), headers)
    const [, trace, , flags] = fields(answer.headers.get('traceresponse')!)
    assert.match(trace!, /^(?!0{32})[0-9a-f]{32}$/)
    assert.deepEqual([...new Set(sent().map((call) => fields(call)[1]))], [trace])
    assert.equal(flags, '00')
    assert.ok(service.simulator.requests.every((request) => request.headers['tracestate'] === undefined))
  }
})

test('two requests at once keep their traces apart', async () => {
  const answers = await Promise.all(['one', 'two', 'three'].map((label) => service.post(order(label))))
  const traces = answers.map((answer) => fields(answer.headers.get('traceresponse')!)[1])
  const created = new Map(service.simulator.requests.filter(({ call }) => call === 'create-key')
    .map(({ body, headers }) => [(body as { label: string }).label, fields(String(headers['traceparent']))[1]]))
  assert.deepEqual(['one', 'two', 'three'].map((label) => created.get(label)), traces)
})

test('a problem says its trace too, and so does the line in the log', async () => {
  service.simulator.faults.set('certificate-request', { kind: 'status', status: 400, body: { errorCode: 411 } })
  const answer = await service.post(order('refused'), { traceparent })
  assert.equal(answer.status, 422)
  assert.equal(fields(answer.headers.get('traceresponse')!)[1], TRACE)
  assert.equal(line('transaction failed')['trace_id'], TRACE)
  const invalid = await service.post('{', { traceparent })
  assert.deepEqual([invalid.status, fields(invalid.headers.get('traceresponse')!)[1]], [400, TRACE])
})

test('the recovery of an owed key has a trace of its own, which joins its calls and its log lines', async (t) => {
  const owing = await startService({ env: { SETTLE_AFTER_MS: '1' } })
  t.after(() => owing.stop())
  owing.simulator.faults.set('create-key', { kind: 'reset-after' })
  owing.simulator.faults.set('delete-key', { kind: 'hsm-error', times: 20 })
  const answer = await owing.post(order('owed'), { traceparent })
  assert.equal((await answer.json() as { transaction: { rollback: string } }).transaction.rollback, 'pending')
  owing.simulator.requests.length = 0
  owing.simulator.faults.clear()
  const settled = await owing.logged(({ msg }) => msg === 'an owed deletion is settled')
  assert.notEqual(settled['trace_id'], TRACE)
  assert.deepEqual([...new Set(owing.simulator.requests.map(({ headers }) => fields(String(headers['traceparent']))[1]))], [settled['trace_id']])
})
