import { ProblemError } from '../errors.ts'
import { EvidenceRejected } from '../transaction/accept-evidence.ts'
import type { EvidenceReport } from '../evidence/evidence.ts'
import { KEY_ALREADY_EXISTING, KEY_NOT_EXISTENT, TsbError } from '../tsb/tsb-error.ts'
import type { Rehearsal } from '../transaction/rehearse.ts'
import type { StepName } from '../transaction/saga.ts'
import { finding, type Finding } from './diagnosis.ts'
import { HINT_OF_CHECK, hintOf } from './hints.ts'
import { reasonOf } from './reason.ts'

const STEPS: Readonly<Partial<Record<StepName, readonly [id: string, done: string]>>> = {
  'create-key': ['bundle.create-key', 'The key was created'],
  'generate-csr': ['bundle.generate-csr', 'The CSR was generated'],
  'export-attestation': ['bundle.export-attestation', 'The attestation was exported'],
  verify: ['bundle.verify', 'The evidence was verified'],
  pack: ['bundle.pack', 'The bundle was packed'],
}

/**
 * What each step of the throw-away bundle came to.
 * @param trial undefined where it was not tried
 * @param why it was not tried
 * @param interrupted whether somebody ended it: then a step that broke off says nothing of the TSB
 */
export function judgeSteps(trial: Rehearsal | undefined, why: string | undefined, interrupted: boolean): Finding[] {
  const failed = trial?.failure
  return Object.entries(STEPS).map(([name, [id, done]]) => {
    const timing = trial?.steps.find((step) => step.name === name)
    if (failed?.step === name && interrupted) return finding(id, 'skipped', 'Not done: it was interrupted.')
    if (failed?.step === name) return finding(id, 'failed', sentence(reasonOf(failed.error)), hintOfStep(failed.error))
    if (timing === undefined) return finding(id, 'skipped', why ?? 'Not tried: an earlier step was not done.')
    return finding(id, 'passed', `${done} in ${timing.durationMs} ms.`)
  })
}

/** The report of the evidence, accepted or not; undefined where it did not come to that. */
export function reportOf(trial: Rehearsal | undefined): EvidenceReport | undefined {
  const error = trial?.failure?.error
  return error instanceof EvidenceRejected ? error.report : trial?.issued?.report
}

/**
 * Whether the key could be taken back, as the service does after a failure.
 * @param certificate what became of the certificate that the CSR call may have left; undefined where there was no such call
 */
export function judgeDeletion(trial: Rehearsal | undefined, certificate: 'deleted' | Error | undefined, label: string): Finding {
  const id = 'key.deleted'
  if (trial === undefined || trial.rollback === 'not-needed') return finding(id, 'skipped', 'No key was created, so none was deleted.')
  if (trial.rollback !== 'done') return finding(id, 'failed', sentence(reasonLeft(trial)), DELETION_HINT)
  const gone = 'The key was deleted again, and the TSB confirms that it is gone.'
  if (certificate === undefined) return finding(id, 'passed', gone)
  if (certificate === 'deleted') return finding(id, 'passed', `${gone} The certificate that the CSR call left was deleted, too.`)
  if (certificate instanceof TsbError && certificate.extras.upstream?.errorCode === KEY_NOT_EXISTENT) return finding(id, 'passed', `${gone} No certificate was left beside it.`)
  return finding(id, 'warning', `${gone} But a certificate may be left under the label ${label}: ${reasonOf(certificate)}.`, hintOf(certificate))
}

const DELETION_HINT = 'A service that cannot delete keys cannot take back what fails. By the vendor\'s documentation "Object Destruction" may be switched off for the partition, or the partition may be read-only.'

/** Whether a deleted label can be used again. @param trial a second key under the label of the first; undefined where none was tried */
export function judgeLabel(trial: Rehearsal | undefined, why: string): Finding {
  const id = 'label.free-again'
  if (trial === undefined) return finding(id, 'skipped', why)
  const error = trial.failure?.error
  if (error === undefined && trial.rollback === 'done') return finding(id, 'passed', 'A second key could be created under the label of the deleted one, and was deleted as well.')
  if (error === undefined) return finding(id, 'failed', `A second key was created under the label of the deleted one, but ${reasonLeft(trial)}.`, DELETION_HINT)
  if (error instanceof ProblemError && error.extras.upstream?.errorCode === KEY_ALREADY_EXISTING) {
    return finding(id, 'warning', 'The label stays taken after the deletion (code 608), as on a partition with Key Invalidation: keys are hidden, not destroyed.',
      'Let callers use labelPrefix. What is rolled back, and each run of this, leaves an invalidated key in the partition: a security officer can remove them.')
  }
  return finding(id, 'warning', `This could not be found out: ${reasonOf(error)}.`, hintOf(error))
}

/** Why a key of this trial may be left. */
export const reasonLeft = ({ reason, rollback }: Rehearsal): string => reason ?? (rollback === 'pending' ? 'its deletion is not settled' : 'it could not be deleted')

const sentence = (text: string): string => `${text[0]?.toUpperCase() ?? ''}${text.slice(1).replace(/\.?$/, '')}.`

function hintOfStep(error: unknown): string | undefined {
  if (!(error instanceof EvidenceRejected)) return hintOf(error)
  const [first] = error.report.checks.filter(({ outcome }) => outcome === 'failed').map(({ id }) => HINT_OF_CHECK[id]).filter((hint) => hint !== undefined)
  return first ?? hintOf(error)
}
