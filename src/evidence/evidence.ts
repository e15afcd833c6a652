/** The shapes that verification takes and gives. Bytes and plain data only: nothing here knows HTTP, the TSB or the disk. */

/** The TSB's name of a subject attribute (`standardCertificateAttributes`; see its CertificateAttributesDto). */
export type SubjectField =
  | 'commonName' | 'country' | 'stateOrProvinceName' | 'locality' | 'organizationName' | 'organizationIdentifier'
  | 'organizationUnitName' | 'email' | 'title' | 'surname' | 'givenName' | 'initials' | 'generationQualifier'

/** What was asked of the HSM, as far as the evidence can confirm it. */
export interface RequestedKey {
  readonly label: string
  readonly algorithm: 'RSA' | 'EC' | 'ED'
  /** RSA modulus length in bits; RSA only. */
  readonly keySize?: number
  /** Dotted object identifier; EC and ED only. */
  readonly curveOid?: string
  readonly modifiable: boolean
  readonly decrypt: boolean
  readonly unwrap: boolean
  readonly derive: boolean
  readonly subject: Readonly<Partial<Record<SubjectField, string>>>
  /** In the TSB's names, e.g. `DIGITAL_SIGNATURE`, `CONTENT_COMMITMENT`. */
  readonly keyUsage: readonly string[]
  /** In the TSB's names, e.g. `CODE_SIGNING`, `ANY_EXTENDED_KEY_USAGE`. */
  readonly extendedKeyUsage: readonly string[]
}

/** A certificate that the operator trusts. Never one that came with the evidence. */
export interface TrustAnchor {
  readonly der: Uint8Array
  /** SHA-256 over `der`, lower-case hex. */
  readonly sha256: string
  /** The subject as one line, for people. */
  readonly name: string
  /** True for the root that this project ships (third-party copy: compare with the vendor's knowledge base, article 147). */
  readonly builtIn: boolean
}

export interface EvidenceInput {
  /** The zip of the TSB's key attestation export, as it came. */
  readonly attestationExport: Uint8Array
  /** The PKCS#10 in PEM, with either header. */
  readonly csr: string
  /** DER SubjectPublicKeyInfo that create-key answered, where there was such an answer. */
  readonly createdPublicKey?: Uint8Array
  /** What was asked; without it the checks that compare with the request are `skipped` and do not count. */
  readonly request?: RequestedKey
  readonly trustAnchors: readonly TrustAnchor[]
  /** The time at which certificates must be valid. */
  readonly verifiedAt: Date
  /** When this transaction ran, for `key.fresh`; without it that check is `skipped` and does not count. */
  readonly window?: { readonly from: Date; readonly to: Date; readonly clockSkewSeconds: number }
}

export type Outcome = 'passed' | 'failed' | 'warning' | 'skipped'

export interface CheckResult {
  readonly id: string
  readonly outcome: Outcome
  /** One sentence: what was expected and what was found. Never a secret; text from outside is cleaned and cut. */
  readonly detail: string
}

/** What the verified evidence says; each field only where a check vouches for it. */
export interface EvidenceFacts {
  readonly label?: string
  /** SHA-256 over the DER SubjectPublicKeyInfo, lower-case hex. */
  readonly publicKeySha256?: string
  /** E.g. `RSA-4096`, `EC 1.2.840.10045.3.1.7`, `Ed25519`. */
  readonly keyKind?: string
  readonly createTime?: string
  readonly attestTime?: string
  readonly keyUseCount?: number
  /** Serial number of the HSM, from the device certificate's name. */
  readonly hsmSerial?: string
  readonly anchor?: { readonly name: string; readonly sha256: string; readonly builtIn: boolean }
  /** How the attestation is signed, e.g. `RSA PKCS#1 v1.5 with SHA-256`. */
  readonly signatureAlgorithm?: string
}

export interface EvidenceReport {
  readonly verdict: 'passed' | 'failed'
  readonly verifiedAt: string
  readonly checks: readonly CheckResult[]
  readonly facts: EvidenceFacts
}

/** The verified files, ready for the bundle: the exact bytes that the checks passed. */
export interface VerifiedFiles {
  readonly csrDer: Uint8Array
  readonly xml: Uint8Array
  readonly signature: Uint8Array
  readonly certificates: Uint8Array
  readonly publicKey: Uint8Array
  /** The vendor's README under the name it came with, where the export had one. */
  readonly readme?: { readonly name: string; readonly bytes: Uint8Array }
}
