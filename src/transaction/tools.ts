import type { BundleContent } from '../bundle/bundle-content.ts'
import type { PackedBundle } from '../bundle/pack-bundle.ts'
import type { EvidenceReport, TrustAnchor } from '../evidence/evidence.ts'
import type { CreateKeyBody } from '../tsb/create-key.ts'
import type { KeyReference } from '../tsb/key-reference.ts'
import type { Tsb } from '../tsb/tsb.ts'
import type { KeyDebt } from './key-debt.ts'

/** What the flow of one transaction works with. */
export interface Tools {
  readonly tsb: Tsb
  readonly id: string
  readonly key: KeyReference
  readonly keyBody: CreateKeyBody
  readonly startedAt: Date
  /** Ends with the transaction's deadline. */
  readonly signal: AbortSignal
  readonly evidence: { readonly trustAnchors: readonly TrustAnchor[]; readonly clockSkewSeconds: number }
  readonly debt: KeyDebt
  now(): Date
  /** Writes down that a step is behind us, for whoever looks. No recovery needs it, so nobody waits for it. */
  reached(state: 'csr-generated' | 'attested'): void
  pack(content: Omit<BundleContent, 'serviceVersion'>): Promise<PackedBundle>
  /** Makes the bundle durable before the first byte of the answer. */
  commit(bundle: PackedBundle, report: EvidenceReport): Promise<void>
}
