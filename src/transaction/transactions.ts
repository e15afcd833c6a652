import { randomUUID } from 'node:crypto'
import pkg from '../../package.json' with { type: 'json' }
import { packBundle } from '../bundle/pack-bundle.ts'
import { ProblemError, type Rollback } from '../errors.ts'
import type { TrustAnchor } from '../evidence/evidence.ts'
import type { Journal, Transaction } from '../journal/journal.ts'
import type { Tsb } from '../tsb/tsb.ts'
import { openAdmission } from './admission.ts'
import { CallerLeft, failedChecksOf, failureOf } from './failure.ts'
import { fingerprintOf, type ReceivedBody } from './fingerprint.ts'
import { issueBundle } from './issue-bundle.ts'
import { openKeyDebts, type DebtEvent, type DebtSettings } from './key-debt.ts'
import { labelOf, type Order } from './order.ts'
import { refuseViolations } from './refuse-violations.ts'
import { replay } from './replay.ts'
import { runSaga } from './saga.ts'
import type { Tools } from './tools.ts'
import { versionGate } from './version-gate.ts'

export interface IssueRequest {
  readonly order: Order
  readonly caller: string
  /** The body as received, and the caller's Idempotency-Key. */
  readonly idempotency?: { readonly key: string; readonly body: ReceivedBody }
  /** Aborted when the caller went away. */
  readonly left: AbortSignal
}

export interface Issued {
  readonly transaction: Transaction
  /** The bundle is that of an earlier request with the same Idempotency-Key. */
  readonly replayed: boolean
}

/** One ended transaction, for log and metrics. */
export interface Ended {
  readonly transaction: Pick<Transaction, 'id' | 'caller' | 'label' | 'steps'>
  readonly outcome: 'completed' | 'failed'
  readonly code?: string
  readonly step?: string
  readonly rollback?: Rollback
  readonly failedChecks?: readonly string[]
  /** Set where the failure is a bug of this service. */
  readonly bug?: unknown
}

export interface Observer {
  /** Before anything is sent: whatever becomes of the process, the log names the label. */
  began(transaction: Pick<Transaction, 'id' | 'caller' | 'label'>): void
  ended(event: Ended): void
  debt(event: DebtEvent): void
  warn(message: string): void
}

export interface TransactionSettings extends DebtSettings {
  readonly timeoutMs: number
  readonly maxTransactions: number
  readonly maxQueued: number
  readonly trustAnchors: readonly TrustAnchor[]
  readonly clockSkewSeconds: number
}

export interface Transactions {
  /**
   * Runs one transaction, or finds the completed one of the same Idempotency-Key.
   * @throws ProblemError with everything the caller has to know, `rollback` above all
   */
  issue(request: IssueRequest): Promise<Issued>
  find(caller: string, id: string): Promise<Transaction | undefined>
  list(caller: string, label: string): Promise<readonly Transaction[]>
  status(): { readonly running: number; readonly queued: number; readonly rollbacksOwed: number; readonly tsbVersion?: string }
  /** Takes nothing new. Resolves when the running transactions have ended, those whose caller left included. */
  drain(): Promise<void>
  /** @returns keys that are still owed and that this process forgets when it ends */
  stop(): readonly { readonly transactionId: string; readonly label: string }[]
}

/**
 * Puts the parts together: the limit, the journal's locks, the flow, its undo, and what is said at the end.
 * @param tsb the TSB
 * @param journal holds label and Idempotency-Key while a transaction runs, and its bundle afterwards
 * @param now the clock
 */
export function openTransactions(tsb: Tsb, journal: Journal, settings: TransactionSettings, observer: Observer, now: () => Date = () => new Date()): Transactions {
  const admission = openAdmission(settings.maxTransactions, settings.maxQueued)
  const gate = versionGate(tsb, (reason) => observer.warn(`the TSB's version is not known: ${reason}`))
  const debts = openKeyDebts(tsb, settings, (event) => {
    observer.debt(event)
    const status = { owed: 'rollback-owed', settled: 'rolled-back', abandoned: 'abandoned' } as const
    journal.update(event.transactionId, { status: status[event.kind] }).catch(() => observer.warn(`the journal does not know the outcome of ${event.transactionId}: ${event.kind}`))
  }, () => now().getTime())

  const run = async ({ order, caller, idempotency, left }: IssueRequest): Promise<Issued> => {
    const id = randomUUID()
    const label = labelOf(order, id)
    const startedAt = now()
    const begun = await journal.begin({
      id, caller, label, labelIsOurs: order.label.kind === 'prefix', createdAt: startedAt,
      ...(idempotency && { idempotency: { key: idempotency.key, fingerprint: await fingerprintOf(idempotency.body) } }),
    })
    if (begun.state === 'label-held') {
      throw new ProblemError('key-label-taken', 'another transaction holds this label until it ends or its rollback is settled', { retryAfterSeconds: 5 })
    }
    if (begun.state === 'idempotency-key-held') return replay(begun.by, idempotency!.body)

    observer.began({ id, caller, label })
    const signal = AbortSignal.timeout(settings.timeoutMs)
    const tools: Tools = {
      tsb, id, label, startedAt, signal, now,
      evidence: settings,
      debtFor: (owed) => debts.debtFor(id, owed),
      pack: (content) => packBundle({ ...content, serviceVersion: pkg.version }),
      commit: (bundle, report) => journal.update(id, {
        status: 'completed', completedAt: now(), report,
        bundle: { fileName: bundle.fileName, sha256: bundle.sha256, size: bundle.bytes.length, bytes: bundle.bytes },
      }),
    }
    const result = await runSaga(async (saga) => {
      await gate.pass()
      return issueBundle(saga, order, tools)
    }, {
      before() {
        if (signal.aborted) throw new ProblemError('tsb-timeout', `the transaction took longer than ${settings.timeoutMs} ms`)
        // With an Idempotency-Key the caller can fetch the outcome; without one nobody will ever learn of this key.
        if (left.aborted && idempotency === undefined) throw new CallerLeft()
      },
      rollingBack: () => journal.update(id, { status: 'rolling-back' }),
    })
    await journal.update(id, { steps: result.steps })
    const transaction = { id, caller, label, steps: result.steps }
    if (result.ok) {
      observer.ended({ transaction, outcome: 'completed' })
      return { transaction: (await journal.find(caller, id))!, replayed: false }
    }
    // What is owed or abandoned was written down when it became so.
    if (result.rollback === 'done' || result.rollback === 'not-needed') await journal.update(id, { status: 'rolled-back' })
    const existing = await journal.findCompleted(caller, label)
    const problem = failureOf(result, id, existing)
    observer.ended({
      transaction, outcome: 'failed', code: result.error instanceof CallerLeft ? 'caller-left' : problem.code, step: result.failedStep, rollback: result.rollback, failedChecks: failedChecksOf(problem),
      ...(problem.code === 'internal-error' && { bug: result.error }),
    })
    throw problem
  }

  return {
    async issue(request) {
      const { idempotency, caller } = request
      const held = idempotency && await journal.findByIdempotencyKey(caller, idempotency.key)
      // A replay needs no place: it costs the HSM nothing.
      if (held !== undefined) return replay(held, idempotency!.body)
      // Behind the replay: a bundle that was issued stays issued, whatever a later version or DEFAULT_PROFILE asks.
      refuseViolations(request.order)
      const leave = await admission.enter(request.left)
      try {
        return await run(request)
      } finally {
        leave()
      }
    },
    find: (caller, id) => journal.find(caller, id),
    list: (caller, label) => journal.list(caller, label),
    status() {
      const tsbVersion = gate.known()
      return { running: admission.running(), queued: admission.queued(), rollbacksOwed: debts.count(), ...(tsbVersion !== undefined && { tsbVersion }) }
    },
    drain: () => admission.close(),
    stop: () => debts.stop(),
  }
}
