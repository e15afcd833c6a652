import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { test } from 'node:test'

const resolved: string[] = []
registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    resolved.push(found.url)
    return found
  },
})
// Behind the hook, so that it sees everything that the service loads.
const { order, startService } = await import('../support/service.ts')
/** prom-client loads the API package by itself, for exemplars. */
const loaded = (): string[] => resolved.filter((url) => url.includes('/@opentelemetry/') && !url.includes('/@opentelemetry/api/'))

for (const [name, env] of Object.entries<Record<string, string>>({
  'no OTEL_ variable is set': {},
  'OTEL_SDK_DISABLED switches it off': { OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
  'OTEL_TRACES_EXPORTER is none': { OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
})) {
  test(`nothing of OpenTelemetry's SDK is loaded where ${name}`, async () => {
    const service = await startService({ env })
    assert.equal((await service.post(order('not-asked'))).status, 201)
    await service.stop()
    assert.deepEqual(loaded(), [])
  })
}

test('the same look sees the SDK where it is asked for', async () => {
  process.env['OTEL_EXPORTER_OTLP_TIMEOUT'] = '100'
  const service = await startService({ env: { OTEL_TRACES_EXPORTER: 'otlp' } })
  await service.stop()
  assert.ok(loaded().some((url) => url.includes('/@opentelemetry/sdk-trace/')))
})
