import type { FastifyBaseLogger } from 'fastify'
import pkg from '../../package.json' with { type: 'json' }
import type { Refused } from '../auth/authenticator.ts'
import type { JournalOperation } from '../journal/timed-journal.ts'
import type { RequestObserver } from '../routes/watch-requests.ts'
import type { Observer } from '../transaction/transactions.ts'
import type { KeystoreStatistics } from '../tsb/keystore-statistics.ts'
import type { TsbObserver } from '../tsb/observer.ts'
import { cachedStatistics } from './keystore.ts'
import { openMetrics } from './metrics.ts'
import type { Tracing } from './tracing.ts'
import { watchRequests } from './watch-requests.ts'
import { watchTransactions } from './watch-transactions.ts'
import { watchTsb } from './watch-tsb.ts'

export interface Observability {
  readonly observer: Observer
  readonly tsb: TsbObserver
  readonly requests: RequestObserver
  journal(operation: JournalOperation): void
  refused(event: Refused): void
  delivered(transaction: { readonly id: string; readonly label: string }, caller: string): void
  /** Prometheus text exposition. */
  metrics(): Promise<string>
  readonly metricsType: string
}

/** What is asked when the metrics are scraped. */
export interface Readings {
  /** What runs in this process. */
  load(): { readonly running: number; readonly queued: number }
  readonly limits: { readonly running: number; readonly queued: number }
  ready(): boolean
  /** What the whole journal owes. */
  owed(): Promise<{ readonly owed: number; readonly abandoned: number }>
  keystoreStatistics(): Promise<KeystoreStatistics>
}

const REFUSALS: readonly Refused['reason'][] = ['missing', 'malformed', 'invalid', 'expired', 'unknown-client', 'keys-unavailable']

/**
 * Logs, counts and traces what happens. Nothing here is ever handed a password, token or API key.
 * @param log where lines go
 * @param now this service's clock
 */
export function openObservability(log: FastifyBaseLogger, tracing: Tracing, now: () => Date, read: Readings): Observability {
  const metrics = openMetrics()
  const journalSeconds = metrics.histogram('attestation_bundle_journal_operation_duration_seconds')
  const unauthenticated = metrics.counter('attestation_bundle_unauthenticated_total', REFUSALS.map((reason) => ({ reason })))
  metrics.gauge('attestation_bundle_build_info', () => [[{ version: pkg.version, node: process.versions.node }, 1]])
  metrics.gauge('attestation_bundle_ready', () => Number(read.ready()))
  metrics.gauge('attestation_bundle_transactions_running', () => read.load().running)
  metrics.gauge('attestation_bundle_transactions_running_limit', () => read.limits.running)
  metrics.gauge('attestation_bundle_transactions_queued', () => read.load().queued)
  metrics.gauge('attestation_bundle_transactions_queued_limit', () => read.limits.queued)
  for (const what of ['owed', 'abandoned'] as const) {
    let last: number | undefined
    // A journal that can't be read must not take the other metrics away: the last figure stays.
    metrics.gauge(`attestation_bundle_rollbacks_${what}`, () => read.owed().then((counts) => { last = counts[what]; return last }, () => last))
  }
  const statistics = cachedStatistics(read.keystoreStatistics, (reason) => log.debug({ reason }, "the keystore's statistics cannot be had"))
  metrics.gauge('attestation_bundle_keystore_objects', () => Object.entries(statistics()?.objects ?? {}).map(([kind, count]) => [{ kind }, count] as const))
  metrics.gauge('attestation_bundle_keystore_used_bytes', () => statistics()?.usedBytes)
  metrics.gauge('attestation_bundle_keystore_size_bytes', () => statistics()?.sizeBytes)

  return {
    observer: watchTransactions(log, tracing, metrics),
    tsb: watchTsb(log, tracing, metrics, now),
    requests: watchRequests(tracing, metrics),
    journal: ({ operation, outcome, durationMs }) => journalSeconds.observe({ operation, outcome }, durationMs / 1000),
    refused({ reason, address, detail, limited, last }) {
      unauthenticated.inc({ reason })
      // Whoever sends without end must not fill the log as well.
      if (limited) return
      const line = { address, reason, ...(detail !== undefined && { detail }) }
      if (reason === 'keys-unavailable') log.error(line, 'a credential could not be checked')
      else log.warn(line, `no valid credential${last ? ', and too many from this address: further ones are only counted for now' : ''}`)
    },
    delivered: ({ id, label }, caller) => log.info({ audit: true, transaction: id, caller, label, event: 'delivered', ...tracing.logFields() }, 'audit'),
    metrics: () => metrics.registry.metrics(),
    metricsType: metrics.registry.contentType,
  }
}
