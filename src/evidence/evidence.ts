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
  /** Curves that pass `key.strength`, as dotted object identifiers; without it `DEFAULT_CURVES` of public-key.ts. */
  readonly allowedCurves?: readonly string[]
  /**
   * Further checks (the profile's), run last on what the evidence says. They count like all others: `failed` and `skipped` refuse, so a
   * rule that does not apply gives no result.
   */
  readonly extraChecks?: (evidence: ParsedEvidence) => readonly CheckResult[]
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
  /** The certificates from the attestation certificate to the anchor, after `chain.valid`. */
  readonly path?: readonly { readonly name: string; readonly sha256: string }[]
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

/** What verification answers. It has files only where the verdict is `passed`. */
export interface EvidenceResult {
  readonly report: EvidenceReport
  /** What could be read; for profile checks. Each part is there only where the check named beside it passed. */
  readonly evidence: ParsedEvidence
  readonly files?: VerifiedFiles
}

export interface ParsedEvidence {
  /** After `csr.well-formed`. */
  readonly csr?: ParsedCsr
  /** After `key.well-formed`, so from signed bytes only. */
  readonly attestedKey?: AttestedKey
}

/** One attribute of a distinguished name. */
export interface NameAttribute {
  /** Dotted object identifier. */
  readonly oid: string
  /** ASN.1 string type, e.g. `PrintableString`, or `tag n` for what is no string of a known type. */
  readonly type: string
  /** The text; undefined where it is not valid in its own string type. */
  readonly value: string | undefined
}

export interface CsrExtension {
  readonly oid: string
  readonly critical: boolean
  /** The DER inside the OCTET STRING. */
  readonly value: Uint8Array
}

/** A PKCS#10 (RFC 2986), taken apart. Not yet compared with anything. */
export interface ParsedCsr {
  /** The label of the PEM header, as it came. */
  readonly pemLabel: 'CERTIFICATE REQUEST' | 'NEW CERTIFICATE REQUEST'
  readonly der: Uint8Array
  /** The exact bytes that the signature covers (certificationRequestInfo). */
  readonly signedBytes: Uint8Array
  /** DER AlgorithmIdentifier. */
  readonly signatureAlgorithm: Uint8Array
  readonly signature: Uint8Array
  /** Relative distinguished names in order; more than one attribute in one of them is a multi-valued RDN. */
  readonly subject: readonly (readonly NameAttribute[])[]
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  /** Object identifiers of all attributes, in order. */
  readonly attributeOids: readonly string[]
  /** The extensions of all extensionRequest attributes, in order. */
  readonly extensions: readonly CsrExtension[]
}

/** The claims of a Primus key attestation (vendor's KeyAttestation.md), from bytes whose signature verified. */
export interface AttestedKey {
  readonly creation: string
  readonly storage?: string
  readonly label: string
  /** `YYYY-MM-DDThh:mm:ssZ`. */
  readonly createTime: string
  /** `YYYY-MM-DDThh:mm:ssZ`. */
  readonly attestTime: string
  readonly keyUseCount?: number
  /** `RSA`, `EC`, `ED` or another of the HSM's names. */
  readonly algorithm: string
  readonly algorithmOid?: string
  readonly curveOid?: string
  readonly keySize?: number
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  readonly derivationValue?: string
  readonly attributes: Readonly<Record<KeyFlag, boolean>>
  readonly policy: boolean
  /** `policy/key_status/blocked`, where it stands. */
  readonly blocked?: boolean
  /** Elements and attributes that no documentation names; they are claims that nobody here understands. */
  readonly unknown: readonly string[]
}

export type KeyFlag =
  | 'decrypt' | 'sign' | 'unwrap' | 'derive' | 'sensitive' | 'always_sensitive' | 'extractable' | 'never_extractable'
  | 'modifiable' | 'copyable' | 'unique'
