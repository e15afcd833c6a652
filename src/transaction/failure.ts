import { ProblemError, type Rollback } from '../errors.ts'
import type { Transaction } from '../journal/journal.ts'
import type { StepName } from './saga.ts'

/** The path under which a transaction is found again. */
export const pathOf = (id: string): string => `/v1/attestation-bundles/${id}`

/** Nobody waits for the answer any more, and nobody could ask for it later. */
export class CallerLeft extends ProblemError {
  constructor() {
    super('request-timeout', 'the caller went away before the commit')
    this.name = 'CallerLeft'
  }
}

const LEFT_AT_THE_HSM: Readonly<Record<Rollback, string>> = {
  'not-needed': 'No key was created.',
  // Said every time: "rolled back" is less than it sounds where deletion only hides a key (contract, section 8.1).
  done: 'The key was deleted again. On a partition with Key Invalidation the key is invisible, not destroyed, and the label stays taken.',
  pending: 'A key may be left at the HSM; this service keeps trying to delete it and holds the label meanwhile.',
  impossible: 'A key of this label is left at the HSM that this service may not or cannot delete; an operator has to look.',
}

/**
 * What a caller is told of a transaction that failed: the cause, the step, and what is left at the HSM.
 * @param failure how the saga ended
 * @param id the transaction
 * @param existing the caller's own completed transaction of this label, named where the label was taken
 */
export function failureOf(failure: { error: unknown; failedStep: StepName; rollback: Rollback }, id: string, existing: Transaction | undefined): ProblemError {
  const { error, failedStep, rollback } = failure
  const problem = error instanceof ProblemError ? error : new ProblemError('internal-error', 'the service failed; its log says more')
  const detail = problem.detail.replace(/\.?$/, '.')
  return new ProblemError(problem.code, `${detail} ${LEFT_AT_THE_HSM[rollback]}`, {
    ...problem.extras,
    instance: pathOf(id),
    transaction: { id, step: failedStep, rollback },
    ...(problem.code === 'key-label-taken' && existing !== undefined && { existing: pathOf(existing.id) }),
  }, error)
}

/** @returns the ids of the checks that failed, where the problem is `evidence-rejected` */
export function failedChecksOf(problem: ProblemError): readonly string[] {
  const report = problem.extras.verification
  return report === undefined ? [] : report.checks.filter((check) => check.outcome === 'failed').map((check) => check.id)
}
