import type { EvidenceReport, ParsedCsr, VerifiedFiles } from '../evidence/evidence.ts'

/** What goes into a bundle. */
export interface BundleContent {
  readonly label: string
  readonly transactionId: string
  readonly startedAt: Date
  readonly files: VerifiedFiles
  readonly report: EvidenceReport
  /** The subject as the CSR has it, for the report page. */
  readonly csrSubject: ParsedCsr['subject']
  readonly serviceVersion: string
}

export interface BundleFile {
  readonly name: string
  readonly bytes: Uint8Array
}
