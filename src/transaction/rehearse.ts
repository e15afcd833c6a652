import { setTimeout as delay } from 'node:timers/promises'
import pkg from '../../package.json' with { type: 'json' }
import { packBundle } from '../bundle/pack-bundle.ts'
import { ProblemError, type Rollback } from '../errors.ts'
import type { TrustAnchor } from '../evidence/evidence.ts'
import type { Tsb } from '../tsb/tsb.ts'
import { UNDO_BUDGET_MS } from './backoff.ts'
import { issueBundle, type IssuedBundle } from './issue-bundle.ts'
import { openKeyDebt, type Ending } from './key-debt.ts'
import { createKeyBody, labelOf, type Order } from './order.ts'
import { openPassingEntry } from './passing-entry.ts'
import { removeKey, type OwedKey, type Removal } from './remove-key.ts'
import { runSaga, type StepName, type StepTiming } from './saga.ts'

export interface RehearsalParts {
  readonly tsb: Tsb
  readonly settings: {
    readonly timeoutMs: number
    readonly settleAfterMs: number
    readonly trustAnchors: readonly TrustAnchor[]
    readonly clockSkewSeconds: number
  }
  /** Aborted where somebody wants it to end: nothing new is begun, and what was done is taken back. */
  readonly interrupted: AbortSignal
  now(): Date
  /** A step begins. */
  begins(step: StepName): void
  /** The key is being taken back. */
  takesBack(): void
  /** It is not known yet whether a key is left, and it is looked for again. */
  waits(reason: string): void
}

export interface Rehearsal {
  /** Those that ended, the failed one included. */
  readonly steps: readonly StepTiming[]
  /** Whether it went as far as it was to go. */
  readonly complete: boolean
  readonly issued?: IssuedBundle
  readonly failure?: { readonly step: StepName; readonly error: unknown }
  /** What is left at the HSM. */
  readonly rollback: Rollback
  /** Why, where something may be left. */
  readonly reason?: string
}

/** A key that may appear yet is looked for as often as this. */
const LOOK_EVERY_MS = 5_000

/** The rehearsal has what it wanted: the saga takes back what was done. */
class Rehearsed extends Error {
  readonly issued: IssuedBundle | undefined

  constructor(issued?: IssuedBundle) {
    super('rehearsed')
    this.issued = issued
  }
}

/**
 * Runs the flow of a transaction for its own sake, and takes it back however it ends. No journal knows of it: whoever starts it tells the
 * label first, and waits for the end.
 * @param order a valid request, best with a label prefix
 * @param id makes the label fresh
 * @param last the step after which it is enough; without it a whole bundle is made
 * @returns what happened; throws nothing
 */
export async function rehearse(order: Order, id: string, parts: RehearsalParts, last?: 'create-key'): Promise<Rehearsal> {
  const { tsb, settings, interrupted } = parts
  const label = labelOf(order, id)
  const body = createKeyBody(order, label)
  const key = { label, ...(order.password !== undefined && { password: order.password }) }
  const now = (): number => parts.now().getTime()
  const labelIsOurs = order.label.kind === 'prefix'
  let owed: OwedKey = { key, body, labelIsOurs, sentAt: now(), certificate: false }
  const entry = openPassingEntry(id, ({ createLeaves, publicKey }) => {
    if (createLeaves === true) owed = { ...owed, sentAt: now() }
    if (publicKey !== undefined) owed = { ...owed, publicKey, certificate: last === undefined }
  })
  // Nobody else can take this row over: its lease never ends, and there is nothing to open again.
  const debt = openKeyDebt({
    tsb, entry, key, body, labelIsOurs, now, settleAfterMs: settings.settleAfterMs, leaseMs: Infinity, reopen: async () => 'owed',
  })
  const deadline = AbortSignal.timeout(settings.timeoutMs)
  const startedAt = parts.now()

  const result = await runSaga<never>(async (saga) => {
    throw new Rehearsed(await issueBundle(saga, order, {
      // An interruption must not lose create-key's answer: it says whether there is something to take back.
      tsb: { ...tsb, createKey: (created, leaves) => tsb.createKey(created, leaves, deadline) },
      id, key, keyBody: body, startedAt, debt, now: parts.now, evidence: settings,
      signal: AbortSignal.any([deadline, interrupted]),
      reached: (state) => { entry.note(state) },
      pack: (content) => packBundle({ ...content, serviceVersion: pkg.version }),
      commit: async () => undefined,
    }))
  }, {
    before(step) {
      if (last === 'create-key' && step === 'generate-csr') throw new Rehearsed()
      if (interrupted.aborted) throw new ProblemError('shutting-down', 'it was interrupted')
      if (deadline.aborted) throw new ProblemError('tsb-timeout', `it took longer than ${settings.timeoutMs} ms`)
      parts.begins(step)
    },
    async rollingBack() { parts.takesBack() },
    span: (_name, run) => run(),
  })
  // It never is: the flow above ends with what it throws.
  if (result.ok) return result.value

  const { error, failedStep, steps } = result
  const done = { steps, complete: error instanceof Rehearsed, ...outcomeOf(error, failedStep) }
  const ending = debt.ending()
  if (result.rollback !== 'pending' || ending === undefined) return { ...done, rollback: result.rollback, ...reasonOf(ending) }
  const removal = await settleNow(owed, ending, parts)
  return { ...done, ...LEFT[removal.state], ...('reason' in removal && { reason: removal.reason }) }
}

const LEFT = { removed: { rollback: 'done' }, owed: { rollback: 'pending' }, abandoned: { rollback: 'impossible' } } as const

const outcomeOf = (error: unknown, step: StepName): Pick<Rehearsal, 'issued' | 'failure'> =>
  error instanceof Rehearsed ? { ...(error.issued && { issued: error.issued }) } : { failure: { step, error } }

const reasonOf = (ending: Ending | undefined): Pick<Rehearsal, 'reason'> => (ending?.reason === undefined ? {} : { reason: ending.reason })

/**
 * Goes on where the first undo could not tell: a create that went unanswered may still land, and a TSB that is away comes back. The service
 * leaves that to its journal; without one it is done here, for as long as a create may take to land.
 */
async function settleNow(owed: OwedKey, { change, reason = '' }: Ending, { tsb, settings: { settleAfterMs }, now, waits }: RehearsalParts): Promise<Removal> {
  const time = (): number => now().getTime()
  const pause = Math.min(LOOK_EVERY_MS, settleAfterMs)
  const end = performance.now() + settleAfterMs + pause
  let removal: Removal = { state: 'owed', reason, refused: change.settling?.refused === true }
  // An absence counts only where it is confirmed after this time.
  let due = change.settling?.absentBefore === true ? time() + (change.releaseForMs ?? 0) : undefined
  while (removal.state === 'owed' && !removal.refused && removal.onlyLateLooks !== true && performance.now() < end) {
    waits(removal.reason)
    await delay(Math.min(pause, due === undefined ? pause : Math.max(due - time(), 1)))
    removal = await removeKey(tsb, owed, {
      now: time, settleAfterMs, absentBefore: due !== undefined && time() >= due, deleteUnderWay: removal.deleteUnderWay === true,
      signal: AbortSignal.timeout(UNDO_BUDGET_MS), deleteLeaves: async () => () => undefined,
    })
    if (removal.state === 'owed') due ??= removal.notBefore
  }
  return removal
}
