import type { ProblemCode, Rollback } from '../../../src/errors.ts'
import { FAULTS, isMet, type Cell } from './tables.ts'

/** What the design says of a cell. */
export type Expected =
  | { readonly ends: 'bundle' }
  | {
    readonly ends: 'problem'
    readonly code: ProblemCode
    readonly step: string
    /** The answers that the design allows; more than one only where it leaves open whether the undo gets there while the caller waits. */
    readonly rollback: readonly Rollback[]
    /** Under a prefix a create of unknown effect is looked for again after ten minutes and after an hour: longer than a test can wait. */
    readonly owedForAnHour: boolean
  }

const BUNDLE: Expected = { ends: 'bundle' }
const problem = (code: ProblemCode, step: string, rollback: readonly Rollback[], owedForAnHour = false): Expected =>
  ({ ends: 'problem', code, step, rollback, owedForAnHour })

/** What everybody gets who asks for a label that has a key. */
const TAKEN = problem('key-label-taken', 'check-label', ['not-needed'])

/**
 * The oracle: read from `design/transaction.md`, not from the implementation. `impossible` is right in no cell, nor `abandoned`: every key
 * of a transaction can be shown to be its own, and no fault lasts.
 */
export function expectedOf(cell: Cell): Expected {
  const { step, keyBefore, label, during } = cell
  const unhurt = label === 'exact' && keyBefore ? TAKEN : BUNDLE
  if (!isMet(cell)) return during === 'undo' && !(label === 'exact' && keyBefore) ? afterTheFailure(['done']) : unhurt
  const { code, repeated, harmless, acts } = FAULTS[cell.fault]
  const survived = repeated && cell.meets === 'one call'
  if (during === 'undo') return afterTheFailure(step === 'delete' ? rollbackOfDelete(cell) : rollbackOfLook(cell))

  if (step === 'create') {
    if (harmless) return problem(code, 'create-key', ['not-needed'])
    if (acts) return problem(code, 'create-key', ['done'])
    // Nothing is seen, and it may still land. What lands while we watch is taken away by the next look.
    return problem(code, 'create-key', ['pending'], label === 'prefix' && cell.fault !== 'late arrival')
  }
  if (survived) return unhurt
  if (step === 'attributes') {
    // The TSB's 404 with 650 that lost its body is a bare 404, which means nothing.
    return problem(cell.fault === 'empty body' && !keyBefore ? 'tsb-error' : code, 'check-label', ['not-needed'])
  }
  const flowStep = step === 'CSR' ? 'generate-csr' : 'export-attestation'
  if (cell.fault !== 'refused') return problem(code, flowStep, ['done'])
  // While every connection is refused nothing can be deleted; after one it depends on whether the undo comes before the listener is back.
  return problem(code, flowStep, cell.meets === 'all calls' ? ['pending'] : ['done', 'pending'])
}

/** The undo needs a failure before it: the export of the attestation is answered by 500 with 701. */
const afterTheFailure = (rollback: readonly Rollback[]): Expected => problem('tsb-error', 'export-attestation', rollback)

/** Without a look that says 650 nothing is `done`. A look that failed, and not for a passing reason, may be had again or left for later. */
function rollbackOfLook({ fault, meets }: Cell): readonly Rollback[] {
  if (meets === 'all calls') return ['pending']
  return FAULTS[fault].repeated ? ['done'] : ['done', 'pending']
}

/** `done` needs a 2xx, or a 650 that means something, and a look that says 650. */
function rollbackOfDelete({ fault, meets }: Cell): readonly Rollback[] {
  const { acts, repeated } = FAULTS[fault]
  // The answer of a delete is not read, only its 2xx: a broken body is as good as any.
  if (acts && !repeated) return ['done']
  // Deleted, but its 2xx was lost: the repeated delete is told 650, which for a key that we saw created may need a second look later.
  if (acts) return ['done', 'pending']
  if (meets === 'all calls') return ['pending']
  return repeated ? ['done'] : ['done', 'pending']
}
