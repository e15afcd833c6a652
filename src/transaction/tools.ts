import type { BundleContent } from '../bundle/bundle-content.ts'
import type { PackedBundle } from '../bundle/pack-bundle.ts'
import type { EvidenceReport, TrustAnchor } from '../evidence/evidence.ts'
import type { Tsb } from '../tsb/tsb.ts'
import type { KeyDebt } from './key-debt.ts'
import type { OwedKey } from './remove-key.ts'

/** What the flow of one transaction works with. */
export interface Tools {
  readonly tsb: Tsb
  readonly id: string
  readonly label: string
  readonly startedAt: Date
  /** Ends with the transaction's deadline. */
  readonly signal: AbortSignal
  readonly evidence: { readonly trustAnchors: readonly TrustAnchor[]; readonly clockSkewSeconds: number }
  now(): Date
  debtFor(owed: Pick<OwedKey, 'key' | 'body' | 'labelIsOurs'>): KeyDebt
  pack(content: Omit<BundleContent, 'serviceVersion'>): Promise<PackedBundle>
  /** Makes the bundle durable before the first byte of the answer. */
  commit(bundle: PackedBundle, report: EvidenceReport): Promise<void>
}
