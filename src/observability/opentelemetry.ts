import { createTraceState, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { defaultResource, detectResources, envDetector, resourceFromAttributes, serviceInstanceIdDetector } from '@opentelemetry/resources'
import {
  AlwaysOffSampler, AlwaysOnSampler, BatchSpanProcessor, ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider, type Sampler, type SpanExporter,
} from '@opentelemetry/sdk-trace'
import pkg from '../../package.json' with { type: 'json' }
import type { TraceContext } from './trace-context.ts'
import type { Recorder } from './tracing.ts'

/** The samplers of OTEL_TRACES_SAMPLER that this service knows. */
export type SamplerName = 'always_on' | 'always_off' | 'traceidratio' | 'parentbased_always_on' | 'parentbased_always_off' | 'parentbased_traceidratio'

export interface TracesSettings {
  readonly sampler: SamplerName
  /** Which part of the traces a `traceidratio` keeps, from 0 to 1. */
  readonly ratio: number
}

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const

/** How long a stop waits for the last spans: a collector that is away must not hold up a restart. */
const FLUSH_MS = 2_000

/**
 * Records spans with OpenTelemetry and sends them by OTLP over HTTP, as protobuf. The only module that knows OpenTelemetry, loaded only where
 * the environment asks for it. The exporter reads OTEL_EXPORTER_OTLP_* by itself, the resource OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES.
 * @param tell is told when spans could not be sent, and when they can be again; once each time it changes
 */
export function openOpenTelemetry({ sampler, ratio }: TracesSettings, tell: (failed: boolean, reason: string) => void): Recorder {
  const named = resourceFromAttributes({ 'service.name': pkg.name, 'service.version': pkg.version })
  const resource = defaultResource().merge(named).merge(detectResources({ detectors: [serviceInstanceIdDetector, envDetector] }))
  const exporter = watched(new OTLPTraceExporter(), tell)
  const provider = new TracerProvider({ resource, sampler: samplerOf(sampler, ratio), spanProcessors: [new BatchSpanProcessor({ exporter })] })
  const tracer = provider.getTracer(pkg.name, pkg.version)

  return {
    start({ name, kind, attributes = {} }, parent) {
      const span = tracer.startSpan(name, { kind: KINDS[kind], attributes }, parent === undefined ? ROOT_CONTEXT : contextOf(parent))
      const { traceId, spanId, traceFlags } = span.spanContext()
      return {
        context: { traceId, spanId, flags: traceFlags, ...(parent?.state !== undefined && { state: parent.state }) },
        set: (more) => { span.setAttributes(more) },
        end(error) {
          if (error !== undefined) span.setAttribute('error.type', error).setStatus({ code: SpanStatusCode.ERROR })
          span.end()
        },
      }
    },
    async close() {
      const { promise: late, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, FLUSH_MS)
      await Promise.race([provider.shutdown().catch(() => undefined), late])
      clearTimeout(timer)
    },
  }
}

function contextOf({ traceId, spanId, flags, state }: TraceContext): Context {
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: flags, isRemote: true, ...(state !== undefined && { traceState: createTraceState(state) }) })
}

function samplerOf(name: SamplerName, ratio: number): Sampler {
  const [, parentBased, root] = /^(parentbased_)?(.+)$/.exec(name)!
  const own = root === 'always_on' ? new AlwaysOnSampler() : root === 'always_off' ? new AlwaysOffSampler() : new TraceIdRatioBasedSampler(ratio)
  return parentBased === undefined ? own : new ParentBasedSampler({ root: own })
}

/** OpenTelemetry's own word on a failed export goes nowhere unless somebody asks for it. */
function watched(exporter: SpanExporter, tell: (failed: boolean, reason: string) => void): SpanExporter {
  let failing = false
  return {
    export: (spans, done) => exporter.export(spans, (result) => {
      const failed = result.error !== undefined
      if (failed !== failing) tell(failed, reasonOf(result.error))
      failing = failed
      done(result)
    }),
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  }
}

/** A status or an error code, and not the message: that is the collector's text, and might repeat what it was sent. */
const reasonOf = (error: Error | undefined): string => (error !== undefined && 'code' in error && error.code !== undefined ? String(error.code) : error?.name ?? '')
