import { archiveComplete, archiveReadable } from './archive-checks.ts'
import { bundleManifest } from './bundle-manifest.ts'
import { chainAnchored, chainDevice, chainPublicKey, chainValid } from './chain-checks.ts'
import type { Check, Submission, Vouched } from './check.ts'
import { csrExtensions, csrSameKey, csrSignature, csrSubject, csrWellFormed } from './csr-checks.ts'
import type { CheckResult, EvidenceFacts, EvidenceInput, EvidenceResult, ParsedEvidence, VerifiedFiles } from './evidence.ts'
import {
  keyFresh, keyGenerated, keyKind, keyLabel, keyNotCopyable, keyNotExtractable, keyPlain, keySensitive, keySinglePurpose, keyStrength, keyUnused,
  keyWellFormed,
} from './key-checks.ts'
import { signatureValid } from './attestation-signature.ts'

/** All checks of an export, in the order in which each rests on what the ones before vouch for. */
export const CHECKS: readonly Check[] = [
  archiveReadable,
  archiveComplete,
  chainAnchored,
  chainValid,
  chainDevice,
  chainPublicKey,
  signatureValid,
  keyWellFormed,
  keyGenerated,
  keyLabel,
  keyKind,
  keyNotExtractable,
  keySensitive,
  keyNotCopyable,
  keySinglePurpose,
  keyPlain,
  keyStrength,
  keyFresh,
  keyUnused,
  csrWellFormed,
  csrSignature,
  csrSameKey,
  csrSubject,
  csrExtensions,
]

/**
 * Verifies a key attestation export of the TSB together with the CSR of the same key. Pure: everything it judges by comes in.
 * @param input bytes, request, trust anchors, time; see EvidenceInput
 * @returns the report with every check's outcome; the files only where the verdict is `passed`. Never rejects, whatever the bytes are
 */
export function verifyEvidence(input: EvidenceInput): Promise<EvidenceResult> {
  return run(CHECKS, input)
}

/**
 * Verifies a bundle of this service: the same checks, on the CSR that the bundle brings, and `bundle.manifest`. What a bundle's own reports
 * and scripts say is not looked at.
 * @param bundle `attestationExport` is the whole zip
 * @returns as verifyEvidence
 */
export function verifyBundle(bundle: Omit<EvidenceInput, 'csr'>): Promise<EvidenceResult> {
  const [readable, ...others] = CHECKS
  return run([readable!, bundleManifest, ...others], bundle)
}

async function run(checks: readonly Check[], submission: Submission): Promise<EvidenceResult> {
  const results: CheckResult[] = []
  let vouched: Vouched = submission.csr === undefined ? {} : { csrText: submission.csr }
  let facts: EvidenceFacts = {}
  let refused = false
  for (const check of checks) {
    const { result, counts, more, moreFacts } = await judge(check, vouched, submission)
    results.push(result)
    refused ||= result.outcome === 'failed' || (result.outcome === 'skipped' && counts)
    vouched = { ...vouched, ...more }
    facts = { ...facts, ...moreFacts }
  }
  const evidence: ParsedEvidence = { ...(vouched.csr && { csr: vouched.csr }), ...(vouched.key && { attestedKey: vouched.key }) }
  const extra = judgeExtra(submission, evidence)
  refused ||= extra.some(({ outcome }) => outcome !== 'passed' && outcome !== 'warning')
  const files = refused ? undefined : filesOf(vouched)
  const verdict = files ? 'passed' : 'failed'
  const verifiedAt = isoTime(submission.verifiedAt)
  return { report: { verdict, verifiedAt, checks: [...results, ...extra], facts }, evidence, ...(files && { files }) }
}

interface Judgement {
  readonly result: CheckResult
  /** Whether a skipped check keeps the verdict from passing. */
  readonly counts: boolean
  readonly more?: Vouched | undefined
  readonly moreFacts?: EvidenceFacts | undefined
}

async function judge({ id, restsOn, comparesWith, run: runCheck }: Check, vouched: Vouched, submission: Submission): Promise<Judgement> {
  if (restsOn.some((needed) => vouched[needed] === undefined)) {
    return { result: { id, outcome: 'skipped', detail: 'Not checked: it rests on something that an earlier check refused.' }, counts: true }
  }
  try {
    const finding = await runCheck(vouched, submission)
    if (!finding) {
      // Only a check that compares may have nothing to say, and only while there is nothing to compare with.
      const counts = comparesWith === undefined || submission[comparesWith] !== undefined
      const missing = comparesWith === 'window' ? 'the time of the transaction' : 'the request'
      return { result: { id, outcome: 'skipped', detail: `Not checked: ${missing} is not known here.` }, counts }
    }
    const { outcome, detail } = finding
    return outcome === 'failed'
      ? { result: { id, outcome, detail }, counts: true }
      : { result: { id, outcome, detail }, counts: true, more: finding.vouched, moreFacts: finding.facts }
  } catch {
    // A reader met what its author did not think of. That is never a pass.
    return { result: { id, outcome: 'failed', detail: 'This could not be checked: the evidence has a form that is not understood.' }, counts: true }
  }
}

function judgeExtra({ extraChecks }: Submission, evidence: ParsedEvidence): readonly CheckResult[] {
  try {
    return extraChecks?.(evidence) ?? []
  } catch {
    return [{ id: 'profile', outcome: 'failed', detail: 'The rules of the profile could not be checked.' }]
  }
}

function filesOf({ files, csr }: Vouched): VerifiedFiles | undefined {
  if (!files || !csr) return undefined
  return {
    csrDer: csr.der,
    xml: files.xml.bytes,
    signature: files.signature.bytes,
    certificates: files.certificates.bytes,
    publicKey: files.publicKey.bytes,
    ...(files.readme && { readme: files.readme }),
  }
}

function isoTime(date: Date): string {
  return Number.isNaN(date.getTime()) ? 'unknown' : date.toISOString()
}
