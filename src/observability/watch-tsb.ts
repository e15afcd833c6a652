import { STATUS_CODES } from 'node:http'
import type { FastifyBaseLogger } from 'fastify'
import type { TsbObserver } from '../tsb/observer.ts'
import { provenOffset } from './hsm-clock.ts'
import type { Metrics } from './metrics.ts'
import { traceHeaders } from './trace-context.ts'
import type { Tracing } from './tracing.ts'

/**
 * Counts and times requests to the TSB, gives each a span of its own, and says at debug level how it ended. Names of attributes are those of
 * OpenTelemetry's conventions for HTTP clients.
 * @param now this service's clock, against which the HSM's is held
 */
export function watchTsb(log: FastifyBaseLogger, tracing: Tracing, metrics: Metrics, now: () => Date): TsbObserver {
  const requests = metrics.counter('attestation_bundle_tsb_requests_total')
  const seconds = metrics.histogram('attestation_bundle_tsb_request_duration_seconds')
  let offset: number | undefined
  metrics.gauge('attestation_bundle_hsm_clock_offset_seconds', () => offset)

  return {
    leaves({ call, method, template, url }) {
      const { hostname, port, protocol } = new URL(url)
      const span = tracing.start({
        name: `${method} ${template}`, kind: 'client',
        attributes: {
          'http.request.method': method, 'url.full': url, 'url.template': template, 'server.address': hostname,
          'server.port': Number(port || (protocol === 'https:' ? 443 : 80)),
        },
      })
      const started = performance.now()
      return {
        headers: traceHeaders(span.context),
        ended({ outcome, status }) {
          const durationMs = performance.now() - started
          requests.inc({ call, outcome, status: status === undefined ? '' : statusLabel(status) })
          seconds.observe({ call, outcome }, durationMs / 1000)
          const said = { call, outcome, ...(status !== undefined && { status }), durationMs: Math.round(durationMs) }
          log.debug({ ...said, ...tracing.logFields(span.context) }, 'TSB call')
          if (status !== undefined) span.set({ 'http.response.status_code': status })
          // The look before a create hopes for 404.
          const failed = status === undefined || (status >= 400 && !(status === 404 && call === 'key-attributes'))
          span.end(failed ? String(status ?? outcome) : undefined)
        },
      }
    },
    attested(attestTime, elapsedMs) {
      offset = provenOffset(attestTime, now().getTime(), elapsedMs) ?? offset
    },
  }
}

/** What a peer may write there has no end; what is defined has. */
const statusLabel = (status: number): string => (status in STATUS_CODES ? String(status) : 'other')
