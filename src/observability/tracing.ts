import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import type { TraceContext } from './trace-context.ts'

/** Facts about a span: short, and never a secret. They leave the process. */
export type Attributes = Readonly<Record<string, string | number | boolean>>

/** One piece of work in a trace. */
export interface Span {
  readonly context: TraceContext
  set(attributes: Attributes): void
  /** @param error what it failed with, as one word of few (OpenTelemetry's `error.type`); undefined where it did not fail */
  end(error?: string): void
}

export interface SpanStart {
  readonly name: string
  readonly kind: 'server' | 'client' | 'internal'
  readonly attributes?: Attributes
}

/** What records spans, or only numbers them. */
export interface Recorder {
  start(start: SpanStart, parent: TraceContext | undefined): Span
  /** Sends what is recorded and stops, within a time of its own. Never throws. */
  close(): Promise<void>
}

/** Spans, and which of them the running code belongs to. */
export interface Tracing {
  /**
   * Begins a span.
   * @param parent what the work is part of: by default the current span; `none` begins a trace
   */
  start(start: SpanStart, parent?: TraceContext | 'none'): Span
  /** Runs something as part of a span: everything that it calls, and waits for, finds it as the current one. */
  within<T>(span: Span, run: () => T): T
  current(): Span | undefined
  /** What a log line says of the trace, under the names that OpenTelemetry gives for logs in other formats than its own. */
  logFields(context?: TraceContext): { trace_id?: string; span_id?: string }
  close(): Promise<void>
}

/** Without OpenTelemetry: spans have numbers, so that a trace can be followed through logs and to the TSB, and are otherwise forgotten. */
const NUMBERS_ONLY: Recorder = {
  start: (_start, parent) => ({
    context: { traceId: parent?.traceId ?? idOf(16), spanId: idOf(8), flags: parent?.flags ?? 0, ...(parent?.state !== undefined && { state: parent.state }) },
    set: () => {},
    end: () => {},
  }),
  close: async () => {},
}

/** Asking for a few random bytes costs as much as asking for many, and a bundle has some fourteen spans. */
const POOL_BYTES = 4096
let pool = Buffer.alloc(0)
let taken = 0

/** All zero would be no id at all, but no random source gives that in any number of lifetimes. */
function idOf(bytes: number): string {
  if (taken + bytes > pool.length) [pool, taken] = [randomBytes(POOL_BYTES), 0]
  return pool.toString('hex', taken, taken += bytes)
}

/** @param recorder OpenTelemetry's, where it is asked for */
export function openTracing(recorder: Recorder = NUMBERS_ONLY): Tracing {
  const currently = new AsyncLocalStorage<Span>()
  const current = (): Span | undefined => currently.getStore()
  return {
    start: (start, parent = current()?.context) => recorder.start(start, parent === 'none' ? undefined : parent),
    within: (span, run) => currently.run(span, run),
    current,
    logFields: (context = current()?.context) => (context === undefined ? {} : { trace_id: context.traceId, span_id: context.spanId }),
    close: () => recorder.close(),
  }
}
