import { EXTENDED_KEY_USAGE, fieldOf, KEY_USAGE, readExtendedKeyUsage, readKeyUsage } from './csr-content.ts'
import type { CsrExtension, NameAttribute, ParsedEvidence, SubjectField } from './evidence.ts'
import { readPublicKey } from './public-key.ts'

/** What a certification authority would certify, as far as rules are made about it: of a request, or read from evidence. */
export interface CertificateFacts {
  readonly algorithm: 'RSA' | 'EC' | 'ED'
  /** Length of the modulus; RSA only. */
  readonly rsaBits?: number
  /** Dotted object identifier; EC and ED only. */
  readonly curveOid?: string
  readonly keyAttributes: Readonly<Record<'modifiable' | 'decrypt' | 'unwrap' | 'derive', boolean>>
  /** Every value of each attribute: a CSR can have one twice. What is no valid text is the empty string. */
  readonly subject: Readonly<Partial<Record<SubjectField, readonly string[]>>>
  /** Object identifiers of subject attributes that the TSB has no name for. */
  readonly furtherSubjectOids: readonly string[]
  /** In the TSB's names, e.g. `DIGITAL_SIGNATURE`. */
  readonly keyUsage: readonly string[]
  /** In the TSB's names, e.g. `CODE_SIGNING`, or as object identifiers. */
  readonly extendedKeyUsage: readonly string[]
}

/**
 * Reads from the evidence what a certification authority would certify: key, subject and usages from the CSR, which is what it works on,
 * and the attributes of the key from the attestation. That both are about the same key is `csr.same-key`.
 * @param evidence what could be read
 * @returns undefined where CSR or attestation is missing, or a part of the CSR cannot be read
 */
export function certificateFacts({ csr, attestedKey }: ParsedEvidence): CertificateFacts | undefined {
  const key = csr && readPublicKey(csr.publicKey)
  if (!csr || !attestedKey || !key) return undefined
  const keyUsage = readEvery(KEY_USAGE, csr.extensions, readKeyUsage)
  const extendedKeyUsage = readEvery(EXTENDED_KEY_USAGE, csr.extensions, readExtendedKeyUsage)
  if (!keyUsage || !extendedKeyUsage) return undefined
  const { modifiable, decrypt, unwrap, derive } = attestedKey.attributes
  const attributes = csr.subject.flat()
  return {
    algorithm: key.kind,
    ...(key.kind === 'RSA' ? { rsaBits: key.bits } : { curveOid: key.curveOid }),
    keyAttributes: { modifiable, decrypt, unwrap, derive },
    subject: subjectOf(attributes),
    furtherSubjectOids: attributes.map(({ oid }) => oid).filter((oid) => fieldOf(oid) === undefined),
    keyUsage,
    extendedKeyUsage,
  }
}

function subjectOf(attributes: readonly NameAttribute[]): CertificateFacts['subject'] {
  const subject: Partial<Record<SubjectField, string[]>> = {}
  for (const { oid, value } of attributes) {
    const field = fieldOf(oid)
    if (field) (subject[field] ??= []).push(value ?? '')
  }
  return subject
}

/** An extension that stands there twice is read twice: a rule about what may not be there must not miss the second one. */
function readEvery(
  oid: string, extensions: readonly CsrExtension[], read: (extension: CsrExtension) => string[] | undefined,
): string[] | undefined {
  const usages = extensions.filter((extension) => extension.oid === oid).map(read)
  return usages.every((each) => each !== undefined) ? [...new Set(usages.flat())] : undefined
}
