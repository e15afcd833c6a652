import type { FastifyBaseLogger } from 'fastify'
import { PROBLEM_CODES, ProblemError } from '../errors.ts'
import { CHECKS } from '../evidence/verify-evidence.ts'
import { RULE_NAMES } from '../profiles/rule-kinds.ts'
import type { DebtEvent } from '../transaction/key-debt.ts'
import type { Observer } from '../transaction/transactions.ts'
import type { Metrics } from './metrics.ts'
import type { Tracing } from './tracing.ts'

const DEBT_EVENTS: readonly DebtEvent['kind'][] = ['taken-over', 'owed', 'unseen', 'settled', 'abandoned']

/** One log line when a transaction ends, and one for whatever happens to a key that had to be taken back later. */
export function watchTransactions(log: FastifyBaseLogger, tracing: Tracing, metrics: Metrics): Observer {
  const transactions = metrics.counter('attestation_bundle_transactions_total', [
    { outcome: 'completed', code: '' }, ...[...PROBLEM_CODES, 'caller-left'].map((code) => ({ outcome: 'failed', code })),
  ])
  const stepSeconds = metrics.histogram('attestation_bundle_step_duration_seconds')
  const checkIds = [...CHECKS.map(({ id }) => id), ...RULE_NAMES.map((name) => `profile.${name}`)]
  const failedChecks = metrics.counter('attestation_bundle_failed_checks_total', checkIds.map((check) => ({ check })))
  const rollbackEvents = metrics.counter('attestation_bundle_rollback_events_total', DEBT_EVENTS.map((event) => ({ event })))
  const traced = <T extends object>(line: T): T => ({ ...line, ...tracing.logFields() })

  return {
    began({ id, caller, label }) {
      tracing.current()?.set({ 'attestation_bundle.transaction.id': id, 'attestation_bundle.caller': caller, 'attestation_bundle.label': label })
      log.info(traced({ transaction: id, caller, label }), 'transaction began')
    },
    ended({ transaction, outcome, code, step, rollback, failedChecks: checks = [], bug }) {
      const durations = Object.fromEntries(transaction.steps.map(({ name, durationMs }) => [name, durationMs]))
      const line = traced({
        transaction: transaction.id, caller: transaction.caller, label: transaction.label, outcome, durations,
        ...(code !== undefined && { code, step, rollback }), ...(checks.length > 0 && { failedChecks: checks }), ...(bug !== undefined && { err: bug }),
      })
      tracing.current()?.set({ 'attestation_bundle.outcome': outcome, ...(rollback !== undefined && { 'attestation_bundle.rollback': rollback }) })
      transactions.inc({ outcome, code: code ?? '' })
      for (const { name, durationMs } of transaction.steps) stepSeconds.observe({ step: name }, durationMs / 1000)
      for (const check of checks) failedChecks.inc({ check })
      if (bug !== undefined) log.error(line, 'transaction failed by a fault of this service')
      else log.info(line, outcome === 'completed' ? 'transaction completed' : 'transaction failed')
      const audit = traced({ audit: true, transaction: transaction.id, caller: transaction.caller, label: transaction.label })
      if (outcome === 'completed') log.info({ ...audit, event: 'created' }, 'audit')
      if (rollback === 'done') log.info({ ...audit, event: 'rolled-back' }, 'audit')
    },
    debt(event) {
      const line = traced({ transaction: event.transactionId, label: event.label, ...('reason' in event && { reason: event.reason }) })
      rollbackEvents.inc({ event: event.kind })
      if (event.kind === 'taken-over') log.warn(line, 'a transaction that nobody worked on any more was taken over and is rolled back')
      if (event.kind === 'owed') log.warn(line, 'a key may be left at the HSM: its deletion is owed and tried again')
      if (event.kind === 'unseen') log.info(line, 'nothing is there yet; it is looked for once more later')
      if (event.kind === 'settled') log.info({ ...line, audit: true, event: 'rolled-back' }, 'an owed deletion is settled')
      if (event.kind === 'abandoned') log.error({ ...line, audit: true, event: 'abandoned' }, 'a key is left at the HSM: an operator has to look')
    },
    async span(name, run, transactionId) {
      const attributes = transactionId === undefined ? {} : { 'attestation_bundle.transaction.id': transactionId }
      // What is settled may have begun in any process, and timers remember where they were set: it is no part of that.
      const span = tracing.start({ name, kind: 'internal', attributes }, name === 'settle' ? 'none' : undefined)
      try {
        const result = await tracing.within(span, run)
        span.end()
        return result
      } catch (error) {
        span.end(error instanceof ProblemError ? error.code : 'internal-error')
        throw error
      }
    },
    warn: (message) => log.warn(traced({}), message),
  }
}
