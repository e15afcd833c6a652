import { ProblemError } from '../errors.ts'
import { certificateFacts } from '../evidence/certificate-facts.ts'
import type { EvidenceInput, EvidenceReport, ParsedCsr, VerifiedFiles } from '../evidence/evidence.ts'
import { verifyEvidence } from '../evidence/verify-evidence.ts'
import { checkProfile } from '../profiles/profiles.ts'
import { requestedKey, type Order } from './order.ts'
import type { Tools } from './tools.ts'

/**
 * Verifies what came back, as a QTSP would and more strictly, and holds it against the profile.
 * @param evidence what the TSB gave in this transaction
 * @returns the verified files, the subject of the CSR, and the report that goes into the bundle
 * @throws ProblemError `evidence-rejected` with the whole report where one check failed
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
  if (files && csr) return { files, csrSubject: csr.subject, report }
  const failed = report.checks.filter((check) => check.outcome === 'failed').map((check) => check.id)
  throw new ProblemError('evidence-rejected', `checks that failed: ${failed.join(', ')}`, { verification: { verdict: report.verdict, checks: report.checks } })
}
