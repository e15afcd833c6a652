import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ConfigError, readSettings, type Settings } from '../../src/config.ts'

const least = { AUTH_MODE: 'none', TSB_URL: 'https://tsb.example' }
const quiet = readSettings(least).warnings
const read = (env: Readonly<Record<string, string>>): Pick<Settings, 'traces'> & { warnings: readonly string[] } => {
  const { traces, warnings } = readSettings({ ...least, ...env })
  return { ...(traces && { traces }), warnings: warnings.filter((warning) => !quiet.includes(warning)) }
}
const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }
const ALL = { traces: { sampler: 'parentbased_always_on', ratio: 1 }, warnings: [] }
const NONE = { warnings: [] }

describe('spans are asked for', () => {
  for (const [name, env, expected] of [
    ['by an endpoint', ENDPOINT, ALL],
    ['by an endpoint for traces', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector/v1/traces' }, ALL],
    ['by the name of the exporter', { OTEL_TRACES_EXPORTER: 'otlp' }, ALL],
    ['but by nothing', {}, NONE],
    ['but by a name alone', { OTEL_SERVICE_NAME: 'attestation-bundler' }, NONE],
    ['but where they are switched off', { ...ENDPOINT, OTEL_SDK_DISABLED: 'TRUE' }, NONE],
    ['also where the switch says something else', { ...ENDPOINT, OTEL_SDK_DISABLED: '1' }, ALL],
    ['but where there is no exporter', { ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }, NONE],
    ['but where they are empty', { OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_TRACES_EXPORTER: '' }, NONE],
  ] as const) {
    test(name, () => assert.deepEqual(read(env), expected))
  }
})

test('the sampler and its part of the traces', () => {
  const sampled = (sampler: string, part: string) => read({ ...ENDPOINT, OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: part })
  assert.deepEqual(sampled('parentbased_traceidratio', '0.25'), { traces: { sampler: 'parentbased_traceidratio', ratio: 0.25 }, warnings: [] })
  assert.deepEqual(sampled('traceidratio', '0'), { traces: { sampler: 'traceidratio', ratio: 0 }, warnings: [] })
  assert.deepEqual(sampled('always_off', 'anything'), { traces: { sampler: 'always_off', ratio: 1 }, warnings: [] })
})

describe('what is often set for a whole cluster and not known here is a warning', () => {
  for (const [name, env, on, variable] of [
    ['another exporter', { OTEL_TRACES_EXPORTER: 'zipkin' }, false, 'OTEL_TRACES_EXPORTER'],
    ['another exporter beside ours', { OTEL_TRACES_EXPORTER: 'console, otlp' }, true, 'OTEL_TRACES_EXPORTER'],
    ['another protocol', { ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, false, 'OTEL_EXPORTER_OTLP_PROTOCOL'],
    ['another protocol for traces', { ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' }, false, 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'],
    ['another sampler', { ...ENDPOINT, OTEL_TRACES_SAMPLER: 'xray' }, true, 'OTEL_TRACES_SAMPLER'],
    ['a part that is none', { ...ENDPOINT, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '1.5' }, true, 'OTEL_TRACES_SAMPLER_ARG'],
  ] as const) {
    test(name, () => {
      const { traces, warnings } = read(env)
      assert.deepEqual([traces !== undefined, warnings.map((warning) => warning.split(':')[0])], [on, [variable]])
    })
  }
  test('unless nothing is asked for', () => assert.deepEqual(read({ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_TRACES_SAMPLER: 'xray' }), NONE))
})

test('an endpoint that is no URL stops the start, where it would be used', () => {
  const refused = (env: Readonly<Record<string, string>>) => assert.throws(() => readSettings({ ...least, ...env }), (error: ConfigError) => {
    assert.deepEqual(error.faults, ['OTEL_EXPORTER_OTLP_ENDPOINT: must be a URL that starts with http:// or https://'])
    return true
  })
  refused({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' })
  refused({ OTEL_EXPORTER_OTLP_ENDPOINT: 'nowhere' })
  assert.deepEqual(read({ OTEL_EXPORTER_OTLP_ENDPOINT: 'nowhere', OTEL_SDK_DISABLED: 'true' }), NONE)
})
