import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

interface Definition {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  /** Each takes values of a list that this service, or the TSB's own enum, fixes: none comes from a caller, a label or a path. */
  readonly labels: readonly string[]
}

const UP_TO_A_TRANSACTION = [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120]
const UP_TO_A_STATEMENT = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

/**
 * Every metric of this service; `docs/metrics.md` is compared with it by a test. Names after https://prometheus.io/docs/practices/naming/.
 * Behind a PostgreSQL journal every replica gives the same figure for what the whole journal owes: take `max`, not `sum`.
 */
export const METRICS = {
  attestation_bundle_build_info: { type: 'gauge', help: 'Always 1: which version runs', labels: ['version', 'node'] },
  attestation_bundle_ready: { type: 'gauge', help: '1 where this replica takes work, as readyz says', labels: [] },
  attestation_bundle_transactions_total: { type: 'counter', help: 'Ended transactions by outcome and problem code', labels: ['outcome', 'code'] },
  attestation_bundle_step_duration_seconds: { type: 'histogram', help: 'Duration of each step', labels: ['step'] },
  attestation_bundle_transactions_running: { type: 'gauge', help: 'Transactions that run', labels: [] },
  attestation_bundle_transactions_running_limit: { type: 'gauge', help: 'How many may run at once', labels: [] },
  attestation_bundle_transactions_queued: { type: 'gauge', help: 'Callers that wait', labels: [] },
  attestation_bundle_transactions_queued_limit: { type: 'gauge', help: 'How many may wait', labels: [] },
  attestation_bundle_failed_checks_total: { type: 'counter', help: 'Checks that failed', labels: ['check'] },
  attestation_bundle_rollbacks_owed: { type: 'gauge', help: 'Keys that are still to be deleted', labels: [] },
  attestation_bundle_rollbacks_abandoned: { type: 'gauge', help: 'Keys left at the HSM that no operator has written off yet', labels: [] },
  attestation_bundle_rollback_events_total: { type: 'counter', help: 'What became of keys that had to be taken back later', labels: ['event'] },
  attestation_bundle_tsb_requests_total: { type: 'counter', help: 'Requests to the TSB', labels: ['call', 'outcome', 'status'] },
  attestation_bundle_tsb_request_duration_seconds: { type: 'histogram', help: 'Duration of requests to the TSB', labels: ['call', 'outcome'] },
  attestation_bundle_hsm_clock_offset_seconds: { type: 'gauge', help: "How far the HSM's clock is provably ahead of this service's; negative: behind", labels: [] },
  attestation_bundle_keystore_objects: { type: 'gauge', help: 'Objects in the partition', labels: ['kind'] },
  attestation_bundle_keystore_used_bytes: { type: 'gauge', help: 'Space that the partition uses', labels: [] },
  attestation_bundle_keystore_size_bytes: { type: 'gauge', help: 'Space that the partition has', labels: [] },
  attestation_bundle_http_request_duration_seconds: { type: 'histogram', help: 'Duration of requests by route pattern', labels: ['method', 'route', 'status'] },
  attestation_bundle_problems_total: { type: 'counter', help: 'Problems that callers were told', labels: ['code'] },
  attestation_bundle_unauthenticated_total: { type: 'counter', help: 'Requests without a valid credential', labels: ['reason'] },
  attestation_bundle_journal_operation_duration_seconds: { type: 'histogram', help: 'Duration of operations of the journal', labels: ['operation', 'outcome'] },
} as const satisfies Record<string, Definition>

type Name = keyof typeof METRICS
type NamesOf<T extends Definition['type']> = { [N in Name]: (typeof METRICS)[N]['type'] extends T ? N : never }[Name]
type LabelsOf<N extends Name> = (typeof METRICS)[N]['labels'][number]

/** The value of a gauge, or its values by their labels. */
type Reading<N extends Name> = number | undefined | readonly (readonly [Readonly<Record<LabelsOf<N>, string>>, number])[]

/** Makes the metrics of the table, each once. */
export interface Metrics {
  /** @param always label values that exist from the start: without a first 0 Prometheus would not see a counter's first step */
  counter<N extends NamesOf<'counter'>>(name: N, always?: readonly Readonly<Record<LabelsOf<N>, string>>[]): Counter<LabelsOf<N>>
  /** @param read gives what is shown at each scrape; nothing leaves the metric out */
  gauge<N extends NamesOf<'gauge'>>(name: N, read: () => Reading<N> | Promise<Reading<N>>): void
  histogram<N extends NamesOf<'histogram'>>(name: N): Histogram<LabelsOf<N>>
  readonly registry: Registry
}

/** @returns the metrics, in a registry of their own, beside those that prom-client has of every Node process */
export function openMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const common = <N extends Name>(name: N) => ({ name, help: METRICS[name].help, labelNames: [...METRICS[name].labels] as LabelsOf<N>[], registers: [registry] })
  return {
    registry,
    counter(name, always = []) {
      const counter = new Counter(common(name))
      for (const labels of always) counter.inc(labels, 0)
      return counter
    },
    gauge(name, read) {
      new Gauge({
        ...common(name),
        async collect() {
          const reading = await read()
          if (typeof reading === 'number') return this.set(reading)
          this.reset()
          if (reading === undefined) this.remove()
          else for (const [labels, value] of reading) this.set(labels, value)
        },
      })
    },
    histogram(name) {
      const buckets = name === 'attestation_bundle_journal_operation_duration_seconds' ? UP_TO_A_STATEMENT : UP_TO_A_TRANSACTION
      return new Histogram({ ...common(name), buckets })
    },
  }
}
