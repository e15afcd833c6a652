import { PROBLEM_CODES } from '../errors.ts'
import type { RequestObserver } from '../routes/watch-requests.ts'
import type { Metrics } from './metrics.ts'
import { readTraceContext, traceparentOf } from './trace-context.ts'
import type { Span, Tracing } from './tracing.ts'

/** Node's parser lets some forty methods pass. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST'])
/** Everything else that a caller may write in a path stays out of traces. */
const TRANSACTION_PATH = /^\/v1\/attestation-bundles(\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$/

/**
 * Times requests by the pattern of their route, counts problems by their code, and makes the callers' requests spans of the trace that they
 * came with. Routes for operators have no spans: they are asked every second.
 */
export function watchRequests(tracing: Tracing, metrics: Metrics): RequestObserver {
  const seconds = metrics.histogram('attestation_bundle_http_request_duration_seconds')
  const problems = metrics.counter('attestation_bundle_problems_total', PROBLEM_CODES.map((code) => ({ code })))

  return {
    began({ method, route, path, scheme, headers }) {
      const started = performance.now()
      const span = route?.startsWith('/v1/') === true
        ? tracing.start({
          name: `${method} ${route}`, kind: 'server',
          attributes: { 'http.request.method': method, 'http.route': route, 'url.scheme': scheme, 'url.path': TRANSACTION_PATH.test(path) ? path : route },
        }, readTraceContext(headers) ?? 'none')
        : undefined
      return {
        headers: span === undefined ? {} : { traceresponse: traceparentOf(span.context) },
        logFields: span === undefined ? {} : tracing.logFields(span.context),
        within: (run) => { if (span === undefined) run(); else tracing.within(span, run) },
        ended({ status, problem }) {
          const labels = { method: METHODS.has(method) ? method : 'other', route: route ?? 'unmatched', status: String(status ?? 'aborted') }
          seconds.observe(labels, (performance.now() - started) / 1000)
          if (problem !== undefined) problems.inc({ code: problem })
          if (span !== undefined) endSpan(span, status, problem)
        },
      }
    },
  }
}

/** A refused request is no failure of the server (OpenTelemetry's conventions for HTTP servers). */
function endSpan(span: Span, status: number | undefined, problem: string | undefined): void {
  if (status !== undefined) span.set({ 'http.response.status_code': status })
  span.end(status === undefined ? 'caller-left' : status >= 500 ? problem ?? String(status) : undefined)
}
