import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { afterEach, beforeEach, test } from 'node:test'
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts'
import { order, startService, type Service } from '../support/service.ts'

/** The SDK reads the process's environment. */
function setOtel(values: Readonly<Record<string, string>>): Record<string, string> {
  for (const name of Object.keys(process.env)) if (name.startsWith('OTEL_')) delete process.env[name]
  Object.assign(process.env, values)
  return values
}

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const CALLER = { traceparent: `00-${TRACE}-b7ad6b7169203331-01`, tracestate: 'vendor=opaque' }

let receiver: OtlpReceiver
beforeEach(async () => { receiver = await startOtlpReceiver() })
afterEach(() => receiver.close())

const start = (more: Record<string, string> = {}): Promise<Service> => startService({ env: setOtel({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...more }) })

/** A span and all below it, a line each, siblings in the order in which they ended. */
function tree(spans: readonly ReceivedSpan[], root: ReceivedSpan): string[] {
  const children = spans.filter(({ parentSpanId }) => parentSpanId === root.spanId)
  return [`${root.name} (${root.kind})${root.failed ? ` failed: ${String(root.attributes['error.type'])}` : ''}`, ...children.flatMap((child) => tree(spans, child).map((line) => `  ${line}`))]
}

const named = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan => {
  const found = spans.find((span) => span.name === name)
  assert.ok(found, `${name} is among ${spans.map((span) => span.name).join(', ')}`)
  return found
}

test('one trace joins the caller, the request, the transaction, its steps and each call of the TSB', async () => {
  const service = await start({ OTEL_SERVICE_NAME: 'bundler-of-the-test', OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test' })
  const answer = await service.post(order('traced'), CALLER)
  assert.equal(answer.status, 201)
  const id = answer.headers.get('location')!.split('/').at(-1)!
  const sent = service.simulator.requests.map(({ call, headers }) => [call, headers['traceparent'], headers['tracestate']])
  await service.stop()

  const { spans } = receiver
  const server = named(spans, 'POST /v1/attestation-bundles')
  assert.deepEqual([server.traceId, server.parentSpanId, server.traceState], [TRACE, 'b7ad6b7169203331', 'vendor=opaque'])
  assert.deepEqual(tree(spans, server), [
    'POST /v1/attestation-bundles (server)',
    '  transaction (internal)',
    '    GET /v1/versionInfo (client)',
    '    check-label (internal)',
    '      POST /v1/key/attributes (client)',
    '    create-key (internal)',
    '      POST /v1/key (client)',
    '    generate-csr (internal)',
    '      POST /v1/certificate/synchronous/request (client)',
    '    export-attestation (internal)',
    '      POST /v1/key/keyAttestation (client)',
    '    verify (internal)',
    '    pack (internal)',
    '    commit (internal)',
  ])
  assert.equal(spans.length, 14)
  // What the TSB was sent names the very span of that call.
  const clients = spans.filter(({ kind }) => kind === 'client')
  assert.deepEqual(sent.map(([, traceparent]) => traceparent), clients.map(({ spanId }) => `00-${TRACE}-${spanId}-01`))
  assert.ok(sent.every(([, , tracestate]) => tracestate === 'vendor=opaque'))
  assert.equal(answer.headers.get('traceresponse'), `00-${TRACE}-${server.spanId}-01`)

  assert.deepEqual(server.attributes, {
    'http.request.method': 'POST', 'http.route': '/v1/attestation-bundles', 'url.scheme': 'http', 'url.path': '/v1/attestation-bundles', 'http.response.status_code': 201,
  })
  assert.deepEqual(named(spans, 'transaction').attributes, {
    'attestation_bundle.transaction.id': id, 'attestation_bundle.caller': 'anonymous', 'attestation_bundle.label': 'traced', 'attestation_bundle.outcome': 'completed',
  })
  const { port } = new URL(service.simulator.url)
  assert.deepEqual(named(spans, 'POST /v1/key').attributes, {
    'http.request.method': 'POST', 'url.full': `${service.simulator.url}/v1/key`, 'url.template': '/v1/key', 'server.address': '127.0.0.1', 'server.port': Number(port),
    'http.response.status_code': 201,
  })
  assert.deepEqual([server.resource['service.name'], server.resource['deployment.environment.name']], ['bundler-of-the-test', 'test'])
  assert.ok(named(spans, 'transaction').durationMs <= server.durationMs)
})

test('a failure is on the span that failed and on those above it, and the rollback is part of the trace', async () => {
  const service = await start()
  service.simulator.faults.set('certificate-request', { kind: 'status', status: 400, body: { errorCode: 411 } })
  assert.equal((await service.post(order('fails'))).status, 422)
  await service.stop()
  const server = named(receiver.spans, 'POST /v1/attestation-bundles')
  assert.equal(server.parentSpanId, undefined)
  assert.deepEqual(tree(receiver.spans, server), [
    // A refused request is no failure of the server.
    'POST /v1/attestation-bundles (server)',
    '  transaction (internal) failed: tsb-rejected',
    '    GET /v1/versionInfo (client)',
    '    check-label (internal)',
    '      POST /v1/key/attributes (client)',
    '    create-key (internal)',
    '      POST /v1/key (client)',
    '    generate-csr (internal) failed: tsb-rejected',
    '      POST /v1/certificate/synchronous/request (client) failed: 400',
    '    roll-back (internal)',
    '      POST /v1/key/attributes (client)',
    '      POST /v1/key/deleteKey (client)',
    '      POST /v1/key/attributes (client)',
    '      DELETE /v1/certificate/{label} (client) failed: 404',
  ])
  assert.equal(named(receiver.spans, 'transaction').attributes['attestation_bundle.rollback'], 'done')
})

test('what nobody samples is not exported, and the TSB is told so', async () => {
  const service = await start({ OTEL_TRACES_SAMPLER: 'parentbased_always_off' })
  await service.post(order('unsampled'))
  await service.post(order('sampled'), CALLER)
  const flags = service.simulator.requests.filter(({ call }) => call === 'create-key').map(({ headers }) => String(headers['traceparent']).slice(-2))
  await service.stop()
  assert.deepEqual(flags, ['00', '01'])
  assert.deepEqual([...new Set(receiver.spans.map(({ traceId }) => traceId))], [TRACE])
})

test('routes for operators have no spans', async () => {
  const service = await start()
  for (const path of ['/livez', '/readyz', '/openapi.json', '/nowhere']) assert.equal((await service.get(path)).headers.get('traceresponse'), null)
  await service.stop()
  assert.deepEqual(receiver.spans, [])
})

test('a collector that takes requests and never answers does not hold up a transaction, and a stop for two seconds at most', async () => {
  const service = await start({ OTEL_EXPORTER_OTLP_TIMEOUT: '2500' })
  receiver.hang()
  assert.equal((await service.post(order('hanging'))).status, 201)
  const started = performance.now()
  const reached = receiver.next()
  await service.stop()
  await reached
  const took = performance.now() - started
  assert.ok(took < 4_000, `${took} ms`)
})

test('a collector that is away costs one line in the log, which repeats no header', async () => {
  const closed = createServer().listen(0)
  await once(closed, 'listening')
  const { port } = closed.address() as AddressInfo
  closed.close()
  const service = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_EXPORTER_OTLP_TIMEOUT: '300', OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20planted' })
  assert.equal((await service.post(order('away'))).status, 201)
  await service.stop()
  const lines = service.log.filter(({ msg }) => String(msg).startsWith('spans could not be exported'))
  assert.deepEqual(lines.map(({ level, reason }) => [level, reason]), [[40, 'ECONNREFUSED']])
  assert.doesNotMatch(JSON.stringify(service.log), /planted/)
})
