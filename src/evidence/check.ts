import type { SignedXml } from './attestation-signature.ts'
import type { ArchiveFile } from './archive.ts'
import type { Certificate } from './certificate.ts'
import type { AttestedKey, EvidenceFacts, EvidenceInput, Outcome, ParsedCsr, TrustAnchor } from './evidence.ts'
import type { PublicKey } from './public-key.ts'

/** The input of one run. Without `csr` the zip is a bundle of this service, which brings its CSR, a manifest and reports. */
export interface Submission extends Omit<EvidenceInput, 'csr'> {
  readonly csr?: string
}

/** The export's files, by kind. */
export interface EvidenceFiles {
  readonly xml: ArchiveFile
  readonly signature: ArchiveFile
  readonly certificates: ArchiveFile
  readonly publicKey: ArchiveFile
  readonly readme?: ArchiveFile
  /** Of a bundle only. */
  readonly csr?: ArchiveFile
}

/** Certificates from the leaf to the anchor. */
export interface Path {
  readonly certificates: readonly [Certificate, Certificate, ...Certificate[]]
  readonly anchor: TrustAnchor
  /** What is odd about the file that the path was found in, as ends of a sentence ("the certificate file …"). */
  readonly oddities: readonly string[]
}

/** What earlier checks vouch for. A check adds to it only when it does not fail, so whatever rests on a failed check finds nothing. */
export interface Vouched {
  readonly archive?: readonly ArchiveFile[]
  readonly files?: EvidenceFiles
  /** Its signatures lead to an anchor; whether its certificates were allowed to sign is not checked yet. */
  readonly anchoredPath?: Path
  readonly path?: Path
  readonly xml?: SignedXml
  readonly key?: AttestedKey
  readonly publicKey?: PublicKey
  readonly csrText?: string
  readonly csr?: ParsedCsr
}

/** What one check found. */
export interface Finding {
  readonly outcome: Exclude<Outcome, 'skipped'>
  readonly detail: string
  readonly vouched?: Vouched
  readonly facts?: EvidenceFacts
}

/** One claim about the evidence. */
export interface Check {
  readonly id: string
  /** What must be vouched for before this check can run. */
  readonly restsOn: readonly (keyof Vouched)[]
  /** What the caller may leave out; the check is then `skipped` and does not count. */
  readonly comparesWith?: 'request' | 'window'
  /** Judges. Undefined: there is nothing to compare with, and nothing wrong in itself. */
  readonly run: (known: Vouched, submission: Submission) => Finding | undefined | Promise<Finding | undefined>
}

export function passed(detail: string, more: Pick<Finding, 'vouched' | 'facts'> = {}): Finding {
  return { outcome: 'passed', detail, ...more }
}

export function failed(detail: string): Finding {
  return { outcome: 'failed', detail }
}

export function warning(detail: string, more: Pick<Finding, 'vouched' | 'facts'> = {}): Finding {
  return { outcome: 'warning', detail, ...more }
}

/**
 * Makes a check that sees only what it names: the engine runs it only when all of that is there.
 * @param id as in the documentation
 * @param restsOn the keys of `Vouched` that must be there; otherwise the check is skipped, and that counts
 * @param run gets exactly these, and the submission
 */
export function check<K extends keyof Vouched>(
  id: string,
  restsOn: readonly K[],
  run: (known: Required<Pick<Vouched, K>>, submission: Submission) => ReturnType<Check['run']>,
  comparesWith?: Check['comparesWith'],
): Check {
  // The engine runs a check only where all of `restsOn` is there: that is what Required says.
  return { id, restsOn, run: (known, submission) => run(known as Required<Pick<Vouched, K>>, submission), ...(comparesWith && { comparesWith }) }
}
