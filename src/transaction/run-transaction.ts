import pkg from '../../package.json' with { type: 'json' }
import { packBundle, type PackedBundle } from '../bundle/pack-bundle.ts'
import { ProblemError, type Rollback } from '../errors.ts'
import type { TrustAnchor } from '../evidence/evidence.ts'
import type { Begun, Claim, Journal, NewTransaction, Reopened, StoredBundle, Transaction } from '../journal/journal.ts'
import type { Tsb } from '../tsb/tsb.ts'
import { commit, CommitUnknown } from './commit.ts'
import { openEntry, RowLost, type Entry } from './entry.ts'
import { CallerLeft, failedChecksOf, failureOf } from './failure.ts'
import { fingerprintOf, type ReceivedBody } from './fingerprint.ts'
import { issueBundle, type IssuedBundle } from './issue-bundle.ts'
import { openKeyDebt, type DebtEvent, type KeyDebt } from './key-debt.ts'
import { newId } from './new-id.ts'
import { createKeyBody, labelOf, type Order } from './order.ts'
import type { Recovery } from './recovery.ts'
import { replay } from './replay.ts'
import { runSaga, type SagaResult, type StepName } from './saga.ts'
import type { Tools } from './tools.ts'
import type { Unwritten } from './unwritten.ts'
import type { VersionGate } from './version-gate.ts'

export interface IssueRequest {
  readonly order: Order
  readonly caller: string
  /** The body as received, and the caller's Idempotency-Key. */
  readonly idempotency?: { readonly key: string; readonly body: ReceivedBody }
  /** Aborted when the caller went away. */
  readonly left: AbortSignal
}

/** A transaction as its caller sees it. */
export type OwnTransaction = Pick<Transaction, 'id' | 'state' | 'label' | 'createdAt' | 'endedAt' | 'steps' | 'bundle' | 'report'>

export interface Issued {
  readonly transaction: OwnTransaction
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

/** What one transaction needs of the process that runs it. */
export interface Surroundings {
  readonly tsb: Tsb
  readonly journal: Journal
  readonly settings: {
    readonly timeoutMs: number
    readonly settleAfterMs: number
    readonly leaseMs: number
    readonly trustAnchors: readonly TrustAnchor[]
    readonly clockSkewSeconds: number
  }
  readonly gate: VersionGate
  readonly recovery: Pick<Recovery, 'hold' | 'release' | 'wakeIn'>
  readonly unwritten: Unwritten
  readonly observer: {
    began(transaction: Pick<Transaction, 'id' | 'caller' | 'label'>): void
    ended(event: Ended): void
    debt(event: DebtEvent): void
    /** Runs a part of a transaction as a span of its trace; `settle` is one try at rolling back what another process or an earlier try left. */
    span<T>(name: 'transaction' | StepName | 'roll-back' | 'settle', run: () => Promise<T>, transactionId?: string): Promise<T>
  }
  now(): Date
  /** Encrypts a password for the row of this id; undefined where none may be kept. */
  seal(id: string, password: readonly string[]): string | undefined
}

/**
 * One transaction from its row in the journal to its outcome: begin, the flow with its undo, and how the row ends.
 * @throws ProblemError with everything the caller has to know, `rollback` above all
 */
export async function runTransaction(request: IssueRequest, around: Surroundings): Promise<Issued> {
  const { order, caller, idempotency } = request
  const { journal, recovery, observer } = around
  const row = await newRow(request, around)
  const { id, label } = row
  const beginSentAt = performance.now()
  const begun = await begin(row, around)
  if (begun.state === 'label-held') {
    throw new ProblemError('key-label-taken', 'another transaction holds this label until it ends or its rollback is settled', { retryAfterSeconds: 5 })
  }
  if (begun.state === 'idempotency-key-held') return replay(begun.by, idempotency!.body)

  recovery.hold(id)
  observer.began({ id, caller, label })
  const entry = openEntry(journal, begun.claim, beginSentAt)
  const keyBody = createKeyBody(order, label)
  const key = { label, ...(order.password !== undefined && { password: order.password }) }
  const debt = openKeyDebt({
    ...around.settings, tsb: around.tsb, entry, key, body: keyBody, labelIsOurs: row.labelIsOurs,
    // Not the clock of the day: set back by two seconds, it would make our own key look older than the request, and set forward, a foreign one ours.
    now: () => performance.now(),
    reopen: (what) => reopenRow(around, row, what),
    noted: row.createLeaves === true,
  })
  const result = await runFlow(request, around, { id, startedAt: row.createdAt, key, keyBody, debt }, entry)
  await endRow(around, row, entry, debt, result)

  const { steps } = result
  const transaction = { id, caller, label, steps }
  if (result.ok) {
    observer.ended({ transaction, outcome: 'completed' })
    // How long the commit took is known only now. The bundle is kept, so nobody waits, and a failure here changes nothing.
    void journal.noteSteps(id, steps).catch(() => undefined)
    const { bundle, report } = result.value
    return { transaction: { id, label, state: 'committed', createdAt: row.createdAt, endedAt: around.now(), steps, bundle: storedBundle(bundle), report }, replayed: false }
  }
  const existing = await journal.findCommitted(caller, label).catch(() => undefined)
  const problem = failureOf(result, id, existing)
  observer.ended({
    transaction, outcome: 'failed', code: result.error instanceof CallerLeft ? 'caller-left' : problem.code,
    step: result.failedStep, rollback: result.rollback, failedChecks: failedChecksOf(problem),
    ...(problem.code === 'internal-error' && { bug: result.error }),
  })
  throw problem
}

/** Begins, or else sees to it that no row is left which says that its create leaves: nobody but this process knows that it did not. */
async function begin(row: NewTransaction, { journal, unwritten }: Surroundings): Promise<Begun> {
  try {
    return await journal.begin(row)
  } catch (error) {
    const mayBeThere: Claim = { id: row.id, fence: 1, state: 'began' }
    if (row.createLeaves) void unwritten.add(row.id, async () => { await journal.write(mayBeThere, { state: 'rolled-back' }) })
    throw error
  }
}

/** What the journal is told before anything is sent. */
async function newRow({ order, caller, idempotency }: IssueRequest, around: Surroundings): Promise<NewTransaction> {
  const id = newId()
  const { password, ...body } = createKeyBody(order, labelOf(order, id))
  const secret = password && around.seal(id, password)
  return {
    id, caller, label: body.label, createdAt: around.now(),
    // Under a fresh label nothing is looked at before the create.
    labelIsOurs: order.label.kind === 'prefix', ...(order.label.kind === 'prefix' && { createLeaves: true as const }),
    // `password: true` says that there was one: a recovery that does not have it must know why it is refused.
    createBody: { ...body, ...(password !== undefined && { password: true }) },
    ...(secret !== undefined && { secret }),
    ...(idempotency && { idempotency: { key: idempotency.key, fingerprint: await fingerprintOf(idempotency.body) } }),
  }
}

/** The flow under its deadline, with the journal behind each step. */
function runFlow(
  { order, idempotency, left }: IssueRequest, around: Surroundings, own: Pick<Tools, 'id' | 'startedAt' | 'key' | 'keyBody' | 'debt'>, entry: Entry,
): Promise<SagaResult<IssuedBundle>> {
  const { tsb, settings, now } = around
  const signal = AbortSignal.timeout(settings.timeoutMs)
  return runSaga(async (saga) => {
    await around.gate.pass()
    return issueBundle(saga, order, {
      ...own, tsb, signal, now, evidence: settings,
      reached: (state) => { entry.note(state) },
      pack: (content) => packBundle({ ...content, serviceVersion: pkg.version }),
      async commit(bundle, report) {
        try {
          await commit(entry, { report, steps: saga.done(), bundle: storedBundle(bundle) })
        } catch (error) {
          if (error instanceof CommitUnknown) own.debt.leaveToRecovery()
          throw error
        }
      },
    })
  }, {
    before() {
      if (signal.aborted) throw new ProblemError('tsb-timeout', `the transaction took longer than ${settings.timeoutMs} ms`)
      // With an Idempotency-Key the caller can fetch the outcome; without one nobody will ever learn of this key.
      if (left.aborted && idempotency === undefined) throw new CallerLeft()
    },
    rollingBack: () => entry.write({ state: 'rolling-back' }),
    span: (name, run) => around.observer.span(name, run),
  })
}

/** Writes down how the transaction ended, at once or as soon as the journal takes it, and lets go of the row. */
async function endRow({ recovery, unwritten, observer }: Surroundings, { id, label }: NewTransaction, entry: Entry, debt: KeyDebt, result: SagaResult<IssuedBundle>): Promise<void> {
  const { steps } = result
  const ending = result.ok ? undefined : result.rollback === 'not-needed' ? { change: { state: 'rolled-back' as const } } : debt.ending()
  // The commit was the last write of a good one; a row that is lost or left to the recovery is not this process's to end.
  if (ending !== undefined && !entry.lost()) {
    const { change, reason } = ending
    await unwritten.add(id, async () => {
      await entry.write({ ...change, steps }).catch((error: unknown) => { if (!(error instanceof RowLost)) throw error })
      recovery.release(id)
      if (change.releaseForMs !== undefined) recovery.wakeIn(change.releaseForMs)
    })
    if (reason !== undefined) observer.debt({ kind: change.state === 'abandoned' ? 'abandoned' : 'owed', transactionId: id, label, reason })
  } else {
    recovery.release(id)
  }
}

/** Another process took the row over, and this one had sent a create. */
async function reopenRow({ journal, unwritten, recovery, observer }: Surroundings, { id, label, secret }: NewTransaction, what: Omit<Reopened, 'secret'>): Promise<'owed' | 'abandoned' | 'committed'> {
  let outcome = 'owed' as 'owed' | 'abandoned' | 'committed'
  await unwritten.add(id, async () => {
    outcome = await journal.reopen(id, { ...what, ...(secret !== undefined && { secret }) })
    recovery.wakeIn(0)
  })
  if (outcome !== 'committed') observer.debt({ kind: outcome, transactionId: id, label, reason: what.reason })
  return outcome
}

const storedBundle = ({ fileName, sha256, bytes }: PackedBundle): Required<StoredBundle> => ({ fileName, sha256, size: bytes.length, bytes })
