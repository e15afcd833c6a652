import type { FastifyBaseLogger } from 'fastify'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Refused } from '../auth/authenticator.ts'
import type { Observer } from '../transaction/transactions.ts'
import type { TsbCallRecord } from '../tsb/tsb.ts'

export interface Observability {
  readonly observer: Observer
  tsbCall(record: TsbCallRecord): void
  refused(event: Refused): void
  /** Prometheus text exposition. */
  metrics(): Promise<string>
  readonly metricsType: string
}

/**
 * Logs and counts what happens. One log line when a transaction ends; calls to the TSB at debug. Nothing here is ever handed a password,
 * token or API key.
 * @param log where lines go
 * @param read.load what runs in this process; `read.owed`: what the whole journal owes. Both are asked when the metrics are scraped
 */
export function openObservability(log: FastifyBaseLogger, read: { load(): { running: number; queued: number }; owed(): Promise<{ owed: number; abandoned: number }> }): Observability {
  const registry = new Registry()
  /** A journal that can't be read must not take the other metrics away: the last figure stays. */
  const owedOr = async (gauge: Gauge, what: 'owed' | 'abandoned'): Promise<void> => read.owed().then((counts) => { gauge.set(counts[what]) }, () => undefined)
  const registers = [registry]
  const transactions = new Counter({ name: 'attestation_bundle_transactions_total', help: 'Ended transactions by outcome and problem code', labelNames: ['outcome', 'code'], registers })
  const stepSeconds = new Histogram({
    name: 'attestation_bundle_step_duration_seconds', help: 'Duration of each step', labelNames: ['step'], buckets: [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120], registers,
  })
  const failedChecks = new Counter({ name: 'attestation_bundle_failed_checks_total', help: 'Checks that failed', labelNames: ['check'], registers })
  const abandoned = new Counter({ name: 'attestation_bundle_rollbacks_abandoned_total', help: 'Keys left at the HSM that an operator has to look at', registers })
  const tsbCalls = new Counter({ name: 'attestation_bundle_tsb_requests_total', help: 'Requests to the TSB', labelNames: ['call', 'outcome', 'status'], registers })
  const unauthenticated = new Counter({
    name: 'attestation_bundle_unauthenticated_total', help: 'Requests without a valid credential', labelNames: ['reason'], registers,
  })
  new Gauge({ name: 'attestation_bundle_transactions_running', help: 'Transactions that run', registers, collect() { this.set(read.load().running) } })
  new Gauge({ name: 'attestation_bundle_transactions_queued', help: 'Callers that wait', registers, collect() { this.set(read.load().queued) } })
  new Gauge({ name: 'attestation_bundle_rollbacks_owed', help: 'Keys that are still to be deleted', registers, collect() { return owedOr(this, 'owed') } })
  new Gauge({ name: 'attestation_bundle_rollbacks_abandoned', help: 'Keys left at the HSM that no operator has written off yet', registers, collect() { return owedOr(this, 'abandoned') } })

  return {
    observer: {
      began: ({ id, caller, label }) => log.info({ transaction: id, caller, label }, 'transaction began'),
      ended({ transaction, outcome, code, step, rollback, failedChecks: checks = [], bug }) {
        const durations = Object.fromEntries(transaction.steps.map(({ name, durationMs }) => [name, durationMs]))
        const line = {
          transaction: transaction.id, caller: transaction.caller, label: transaction.label, outcome, durations,
          ...(code !== undefined && { code, step, rollback }), ...(checks.length > 0 && { failedChecks: checks }), ...(bug !== undefined && { err: bug }),
        }
        transactions.inc({ outcome, code: code ?? '' })
        for (const { name, durationMs } of transaction.steps) stepSeconds.observe({ step: name }, durationMs / 1000)
        for (const check of checks) failedChecks.inc({ check })
        if (bug !== undefined) log.error(line, 'transaction failed by a fault of this service')
        else log.info(line, outcome === 'completed' ? 'transaction completed' : 'transaction failed')
        if (outcome === 'completed') log.info({ audit: true, event: 'created', transaction: transaction.id, caller: transaction.caller, label: transaction.label }, 'audit')
        if (rollback === 'done') log.info({ audit: true, event: 'rolled-back', transaction: transaction.id, caller: transaction.caller, label: transaction.label }, 'audit')
      },
      debt(event) {
        const line = { transaction: event.transactionId, label: event.label, ...('reason' in event && { reason: event.reason }) }
        if (event.kind === 'taken-over') log.warn(line, 'a transaction that nobody worked on any more was taken over and is rolled back')
        if (event.kind === 'owed') log.warn(line, 'a key may be left at the HSM: its deletion is owed and tried again')
        if (event.kind === 'unseen') log.info(line, 'nothing is there yet; it is looked for once more later')
        if (event.kind === 'settled') log.info({ ...line, audit: true, event: 'rolled-back' }, 'an owed deletion is settled')
        if (event.kind === 'abandoned') {
          abandoned.inc()
          log.error({ ...line, audit: true, event: 'abandoned' }, 'a key is left at the HSM: an operator has to look')
        }
      },
      warn: (message) => log.warn(message),
    },
    tsbCall({ call, outcome, status: answered, durationMs }) {
      tsbCalls.inc({ call, outcome, status: answered === undefined ? '' : String(answered) })
      log.debug({ call, outcome, ...(answered !== undefined && { status: answered }), durationMs: Math.round(durationMs) }, 'TSB call')
    },
    refused({ reason, address, detail, limited, last }) {
      unauthenticated.inc({ reason })
      // Whoever sends without end must not fill the log as well.
      if (limited) return
      const line = { address, reason, ...(detail !== undefined && { detail }) }
      if (reason === 'keys-unavailable') log.error(line, 'a credential could not be checked')
      else log.warn(line, `no valid credential${last ? ', and too many from this address: further ones are only counted for now' : ''}`)
    },
    metrics: () => registry.metrics(),
    metricsType: registry.contentType,
  }
}
