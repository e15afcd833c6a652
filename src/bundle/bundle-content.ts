import type { EvidenceReport, VerifiedFiles } from '../evidence/evidence.ts'

/** What goes into a bundle. */
export interface BundleContent {
  readonly label: string
  readonly transactionId: string
  readonly startedAt: Date
  readonly files: VerifiedFiles
  readonly report: EvidenceReport
}

export interface BundleFile {
  readonly name: string
  readonly bytes: Uint8Array
}
