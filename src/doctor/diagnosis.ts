import type { CheckResult, EvidenceFacts, Outcome } from '../evidence/evidence.ts'
import type { UntrustedExport } from '../evidence/look-at-export.ts'
import type { TlsFacts } from './connection.ts'

/** One thing that was looked at. */
export interface Finding {
  readonly id: string
  readonly outcome: Outcome
  /** What was found. Never a secret; text from outside is cleaned. */
  readonly detail: string
  /** What an operator does about it. */
  readonly hint?: string
}

/** A key that may still be at the HSM. */
export interface LeftKey {
  readonly label: string
  readonly reason: string
}

/** What a look at a TSB gave. */
export interface Diagnosis {
  /** `works`: a bundle was made, verified and taken back. */
  readonly verdict: 'works' | 'fails' | 'interrupted'
  readonly tsb: { readonly url: string; readonly tls?: TlsFacts; readonly version?: string; readonly licence?: readonly string[] }
  /** Of the throw-away key, made or not. */
  readonly label: string
  readonly findings: readonly Finding[]
  /** Every check of the evidence; empty where none came. */
  readonly evidence: readonly CheckResult[]
  /** What the verified evidence says. */
  readonly facts: EvidenceFacts
  /** The export as it came, unverified. */
  readonly untrusted?: UntrustedExport
  /** How far the HSM's clock is ahead of this machine's, at least and at most. */
  readonly clockOffsetSeconds?: { readonly from: number; readonly to: number }
  readonly left?: LeftKey
  readonly notFoundOut: readonly string[]
}

export const finding = (id: string, outcome: Outcome, detail: string, hint?: string): Finding => ({ id, outcome, detail, ...(hint !== undefined && { hint }) })

/** A fingerprint as openssl and the vendor print it. @param sha256 lower-case hex */
export const fingerprint = (sha256: string): string => sha256.toUpperCase().replace(/..(?=.)/g, '$&:')
