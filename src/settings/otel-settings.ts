import type { Environment } from './environment.ts'

const SAMPLERS = ['always_on', 'always_off', 'traceidratio', 'parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'] as const

/** How spans are sampled where OpenTelemetry is asked for. Where they go is read by its exporter. */
export interface TracesSettings {
  readonly sampler: typeof SAMPLERS[number]
  /** From 0 to 1. */
  readonly ratio: number
}

/**
 * Whether the environment asks for OpenTelemetry's spans: an endpoint, or the exporter `otlp` by name (then to the default endpoint), and
 * nothing that switches them off. These variables are often set for a whole cluster, so what this service does not know is a warning and no
 * fault, as the specification wants it (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
 * @returns undefined where nothing is to be exported
 */
export function readTracesSettings(values: Environment, faults: string[], warnings: string[]): TracesSettings | undefined {
  const asked = isAsked(values, warnings)
  for (const name of ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] as const) {
    const value = values[name]
    if (asked && value !== undefined && !/^https?:\/\//.test(URL.canParse(value) ? value : '')) faults.push(`${name}: must be a URL that starts with http:// or https://`)
  }
  return asked ? { sampler: readSampler(values.OTEL_TRACES_SAMPLER, warnings), ratio: readRatio(values, warnings) } : undefined
}

function isAsked(values: Environment, warnings: string[]): boolean {
  if (values.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return false
  const exporters = values.OTEL_TRACES_EXPORTER?.split(',').map((name) => name.trim())
  if (exporters?.some((name) => name !== 'otlp' && name !== 'none')) warnings.push('OTEL_TRACES_EXPORTER: this service knows otlp and none, and leaves out every other')
  if (exporters?.includes('otlp') === false) return false
  const asked = exporters !== undefined || values.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined || values.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT !== undefined
  if (!asked) return false
  const variable = values.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL === undefined ? 'OTEL_EXPORTER_OTLP_PROTOCOL' : 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'
  if ((values[variable] ?? 'http/protobuf') !== 'http/protobuf') {
    warnings.push(`${variable}: this service knows http/protobuf; no spans are exported`)
    return false
  }
  return true
}

function readSampler(value: string | undefined, warnings: string[]): TracesSettings['sampler'] {
  const found = SAMPLERS.find((name) => name === value)
  if (value !== undefined && found === undefined) warnings.push(`OTEL_TRACES_SAMPLER: this service knows ${SAMPLERS.join(', ')}; it takes parentbased_always_on`)
  return found ?? 'parentbased_always_on'
}

function readRatio({ OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: value }: Environment, warnings: string[]): number {
  if (value === undefined || sampler?.endsWith('traceidratio') !== true) return 1
  const ratio = /^(0|1|[01]?\.\d+)$/.test(value) ? Number(value) : Number.NaN
  if (ratio >= 0 && ratio <= 1) return ratio
  warnings.push('OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1; all traces are taken')
  return 1
}
