import { effectOf, type Rollback } from '../errors.ts'

/** The steps of a transaction, by the names that answers and logs use. */
export type StepName = 'check-label' | 'create-key' | 'generate-csr' | 'export-attestation' | 'verify' | 'pack' | 'commit'

export interface StepTiming {
  readonly name: StepName
  readonly durationMs: number
}

/** Takes one step back. Never throws: what it could not do is in its answer. */
export type Undo = () => Promise<Exclude<Rollback, 'not-needed'>>

export interface Saga {
  /**
   * Runs one step. Its undo is registered before it starts, because a step that failed may still have happened, and is dropped only where
   * the failure says that nothing happened (`effect: 'none'`).
   * @throws what `run` threw
   */
  step<T>(name: StepName, run: () => Promise<T>, undo?: Undo): Promise<T>
  /** The steps that have ended so far. */
  done(): readonly StepTiming[]
}

export type SagaResult<T> =
  | { readonly ok: true; readonly value: T; readonly steps: readonly StepTiming[] }
  | { readonly ok: false; readonly error: unknown; readonly failedStep: StepName; readonly rollback: Rollback; readonly steps: readonly StepTiming[] }

/** The worst of several undos is what the caller must know. */
const SEVERITY: readonly Rollback[] = ['not-needed', 'done', 'pending', 'impossible']

/**
 * Runs a flow whose steps can be taken back: on the first failure every registered undo runs, the last first.
 * @param flow the steps, top to bottom
 * @param hooks `before` runs ahead of each step and may throw (the caller left, the deadline passed); `rollingBack` runs ahead of the first
 * undo; `span` runs a step, or all undos, and may watch it
 * @returns the flow's value, or the error, the step it came from and what is left at the HSM; throws nothing
 */
export async function runSaga<T>(
  flow: (saga: Saga) => Promise<T>,
  hooks: {
    before(name: StepName): Promise<void> | void
    rollingBack(): Promise<void>
    span<R>(name: StepName | 'roll-back', run: () => Promise<R>): Promise<R>
  },
): Promise<SagaResult<T>> {
  const steps: StepTiming[] = []
  const undos: Undo[] = []
  let current: StepName = 'check-label'

  const saga: Saga = {
    done: () => [...steps],
    async step(name, run, undo) {
      current = name
      await hooks.before(name)
      const started = performance.now()
      if (undo !== undefined) undos.push(undo)
      try {
        return await hooks.span(name, run)
      } catch (error) {
        if (undo !== undefined && effectOf(error) === 'none') undos.pop()
        throw error
      } finally {
        steps.push({ name, durationMs: Math.round(performance.now() - started) })
      }
    },
  }

  try {
    return { ok: true, value: await flow(saga), steps }
  } catch (error) {
    const failedStep = current
    if (undos.length === 0) return { ok: false, error, failedStep, rollback: 'not-needed', steps }
    // The undo matters more than its note: a journal that fails must not keep a key at the HSM.
    await Promise.resolve(hooks.rollingBack()).catch(() => undefined)
    return { ok: false, error, failedStep, rollback: await hooks.span('roll-back', () => worstOf(undos.reverse())), steps }
  }
}

async function worstOf(undos: readonly Undo[]): Promise<Rollback> {
  let worst: Rollback = 'not-needed'
  for (const undo of undos) {
    const result = await undo()
    if (SEVERITY.indexOf(result) > SEVERITY.indexOf(worst)) worst = result
  }
  return worst
}
