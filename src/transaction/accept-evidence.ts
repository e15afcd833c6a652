import { ProblemError } from '../errors.ts'
import { certificateFacts } from '../evidence/certificate-facts.ts'
import type { CheckResult, EvidenceInput, EvidenceReport, ParsedCsr, VerifiedFiles } from '../evidence/evidence.ts'
import { verifyEvidence } from '../evidence/verify-evidence.ts'
import { checkProfile } from '../profiles/profiles.ts'
import { requestedKey, type Order } from './order.ts'
import type { Tools } from './tools.ts'

/** The evidence does not hold. `report` has what could be read of it all the same. */
export class EvidenceRejected extends ProblemError {
  readonly report: EvidenceReport

  constructor(report: EvidenceReport) {
    const { verdict, checks } = report
    const failed = checks.filter((check) => check.outcome === 'failed').map((check) => check.id)
    super('evidence-rejected', `checks that failed: ${failed.join(', ')}`, { verification: { verdict, checks } })
    this.report = report
  }
}

/**
 * Verifies what came back, as a QTSP would and more strictly, and holds it against the profile.
 * @param evidence what the TSB gave in this transaction
 * @returns the verified files, the subject of the CSR, and the report that goes into the bundle
 * @throws EvidenceRejected with the whole report where one check failed
 */
export async function acceptEvidence(
  evidence: Pick<EvidenceInput, 'attestationExport' | 'csr' | 'createdPublicKey'>, order: Order, tools: Tools,
): Promise<{ files: VerifiedFiles; csrSubject: ParsedCsr['subject']; report: EvidenceReport }> {
  const request = requestedKey(order, tools.key.label)
  const now = tools.now()
  const { report, evidence: { csr }, files } = await verifyEvidence({
    ...evidence,
    request,
    trustAnchors: tools.evidence.trustAnchors,
    verifiedAt: now,
    window: { from: tools.startedAt, to: now, clockSkewSeconds: tools.evidence.clockSkewSeconds },
    extraChecks: (read) => checkProfile(order.profile, certificateFacts(read)),
  })
  const checks = report.checks.map((check) => withoutSecret(check, tools))
  if (files && csr) return { files: withoutTellingReadme(files, tools), csrSubject: csr.subject, report: { ...report, checks } }
  throw new EvidenceRejected({ ...report, checks })
}

/** What did not pass quotes what the TSB sent, and a TSB may repeat what it was sent. A passed check quotes only what was asked for. */
function withoutSecret(check: CheckResult, { tsb, key }: Tools): CheckResult {
  return check.outcome === 'passed' || !tsb.reveals(check.detail, key) ? check : { ...check, detail: 'What was found is not shown: it repeats a secret.' }
}

/** The one file of a bundle that nobody signed and no check reads. */
function withoutTellingReadme({ readme, ...files }: VerifiedFiles, { tsb, key }: Tools): VerifiedFiles {
  return readme === undefined || tsb.reveals(readme.name + Buffer.from(readme.bytes).toString('latin1'), key) ? files : { ...files, readme }
}
