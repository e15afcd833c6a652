import type { CallName, Fault } from '../../../src/simulator/simulator.ts'
import type { ProblemCode } from '../../../src/errors.ts'

/** The steps of the issue, by the TSB's calls. */
export const STEPS = {
  create: 'create-key', attributes: 'key-attributes', CSR: 'certificate-request', attestation: 'key-attestation', delete: 'delete-key',
} as const satisfies Record<string, CallName>

export type Step = keyof typeof STEPS

/** One test file each, because files run at the same time. */
export const GROUPS = {
  transaction: ['create', 'attestation', 'delete'], looks: ['attributes', 'CSR'],
} as const satisfies Record<string, readonly Step[]>

/** One way in which a call fails, as far as the design says something of it. */
export interface FaultRow {
  /** `refused`: no connection, so that not a byte is sent; everything else is the simulator's. */
  readonly strikes: Fault | 'refused'
  /** What a caller is told where this ends the transaction. */
  readonly code: ProblemCode
  /** The HSM did what was asked, whatever the answer is. */
  readonly acts: boolean
  /** "Retries": reading, CSR, attestation and deletion are repeated after it. */
  readonly repeated: boolean
  /** The table of effects at create-key says that nothing happened. */
  readonly harmless: boolean
}

type Facts = Partial<Pick<FaultRow, 'acts' | 'repeated' | 'harmless'>>

const row = (strikes: FaultRow['strikes'], code: ProblemCode, facts: Facts = {}): FaultRow =>
  ({ strikes, code, acts: false, repeated: false, harmless: false, ...facts })

export const FAULTS = {
  refused: row('refused', 'tsb-unavailable', { harmless: true }),
  'reset before': row({ kind: 'reset-before' }, 'tsb-unavailable', { repeated: true }),
  'reset after': row({ kind: 'reset-after' }, 'tsb-unavailable', { repeated: true, acts: true }),
  'time-out before': row({ kind: 'hang-before' }, 'tsb-timeout', { repeated: true }),
  'time-out after': row({ kind: 'hang-after' }, 'tsb-timeout', { repeated: true, acts: true }),
  'late arrival': row({ kind: 'late' }, 'tsb-timeout', { repeated: true }),
  '400': row({ kind: 'status', status: 400, body: { errorCode: 600 } }, 'tsb-rejected', { harmless: true }),
  '401': row({ kind: 'unauthorized-bare' }, 'tsb-unauthorized', { harmless: true }),
  '404 bare': row({ kind: 'not-found-bare' }, 'tsb-error'),
  '500/701': row({ kind: 'hsm-error' }, 'tsb-error'),
  '503': row({ kind: 'unavailable' }, 'tsb-unavailable', { repeated: true }),
  'empty body': row({ kind: 'empty-body' }, 'tsb-invalid-response', { acts: true }),
  garbage: row({ kind: 'garbage' }, 'tsb-invalid-response', { acts: true }),
  'truncated body': row({ kind: 'truncated-body' }, 'tsb-unavailable', { acts: true, repeated: true }),
  'wrong content': row({ kind: 'wrong-content' }, 'tsb-invalid-response', { acts: true }),
  'HTML with 200': row({ kind: 'html' }, 'tsb-invalid-response', { acts: true }),
} as const satisfies Record<string, FaultRow>

export type FaultName = `${keyof typeof FAULTS}`

export interface Variant {
  readonly keyBefore: boolean
  readonly label: 'exact' | 'prefix'
  readonly idempotent: boolean
}

export const VARIANTS: readonly Variant[] = [false, true].flatMap((keyBefore) => (['exact', 'prefix'] as const).flatMap((label) =>
  [false, true].map((idempotent) => ({ keyBefore, label, idempotent }))))

export interface Cell extends Variant {
  readonly step: Step
  readonly fault: FaultName
  /** Whether it meets one call, or every one until the caller has its answer. */
  readonly meets: 'one call' | 'all calls'
  /** Where the step's call is met: on the way to the bundle, or while what was made is taken back. Deletion is always the latter. */
  readonly during: 'flow' | 'undo'
}

/**
 * All cells of a step, in which the fault meets one call. And beyond the issue's, not over all variants: cells in which it meets all calls,
 * where retries or the undo make a difference; and faults at the looks of the undo.
 */
export function cellsOf(step: Step, fault: FaultName): Cell[] {
  const during = step === 'delete' ? 'undo' : 'flow'
  const cells = VARIANTS.map((variant): Cell => ({ ...variant, step, fault, meets: 'one call', during }))
  const looks = step !== 'attributes' ? [] : cells.filter(({ keyBefore }) => !keyBefore).map((cell): Cell => ({ ...cell, during: 'undo' }))
  const tellsApart = FAULTS[fault].repeated || fault === 'refused'
  const lasting = [...cells, ...looks].filter((cell) => isMet(cell) && step !== 'create' && (cell.during === 'undo' || tellsApart))
    .map((cell): Cell => ({ ...cell, meets: 'all calls' }))
  return [...[...lasting, ...looks].filter(({ idempotent }) => idempotent), ...cells]
}

/**
 * Whether a transaction makes the call at all: a taken label ends it at the look, and a prefix needs no look. The other cells are run all
 * the same, and nothing of the fault may show.
 */
export function isMet({ keyBefore, label, step, during }: Pick<Cell, 'keyBefore' | 'label' | 'step' | 'during'>): boolean {
  if (label === 'exact' && keyBefore) return step === 'attributes' && during === 'flow'
  return !(label === 'prefix' && step === 'attributes' && during === 'flow')
}

/** The cell as a sentence. */
export function sentenceOf({ step, fault, meets, during, keyBefore, label, idempotent }: Cell): string {
  const where = step === 'attributes' && during === 'undo' ? 'the look of the undo' : step
  const [how, what] = label === 'exact' ? ['exact label', 'that label'] : ['label prefix', 'that prefix']
  return `${fault} at ${meets === 'one call' ? 'one call' : 'every call'} of ${where}, ${how}, `
    + `${keyBefore ? 'a' : 'no'} key of ${what} before, ${idempotent ? 'with' : 'without'} Idempotency-Key`
}
