import type { EvidenceReport, ParsedCsr, VerifiedFiles } from '../evidence/evidence.ts'

/** What goes into a bundle. */
export interface BundleContent {
  readonly label: string
  readonly transactionId: string
  readonly startedAt: Date
  readonly files: VerifiedFiles
  readonly report: EvidenceReport
  /** The rules that CSR and key were held against; their outcomes are checks of the report. */
  readonly profile: BundleProfile
  /** The subject as the CSR has it, for the report page. */
  readonly csrSubject: ParsedCsr['subject']
  readonly serviceVersion: string
}

export interface BundleProfile {
  readonly name: string
  readonly title: string
  readonly description: string
  /** The day on which the rules were last compared with their sources. */
  readonly comparedOn: string
  readonly notes: readonly { readonly text: string; readonly source: string }[]
}

export interface BundleFile {
  readonly name: string
  readonly bytes: Uint8Array
}
