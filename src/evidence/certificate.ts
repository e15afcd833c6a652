import { createHash } from 'node:crypto'
import { BasicConstraints, Certificate as PkiCertificate, CertificatePolicies } from 'pkijs'
import { readDer, sequenceOf, TAG } from './der.ts'
import type { Der } from './der.ts'
import { readName } from './distinguished-name.ts'
import type { NameAttribute } from './evidence.ts'
import { digestOf, remembered } from './remembered.ts'
import { readSignatureAlgorithm, verifySignature } from './signature-algorithm.ts'
import type { SignatureAlgorithm } from './signature-algorithm.ts'
import { sameBytes } from './text.ts'

/** An X.509 certificate (RFC 5280), taken apart and not judged. */
export interface Certificate {
  readonly der: Uint8Array
  /** SHA-256 over `der`, lower-case hex. */
  readonly sha256: string
  /** DER Name. */
  readonly subject: Uint8Array
  readonly subjectAttributes: readonly (readonly NameAttribute[])[]
  /** DER Name. */
  readonly issuer: Uint8Array
  readonly notBefore: Date
  readonly notAfter: Date
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  /** The exact bytes that the signature covers (tbsCertificate). */
  readonly signedBytes: Uint8Array
  readonly signature: Uint8Array
  /** Undefined: none that is known here, or another outside than inside. */
  readonly signatureAlgorithm: SignatureAlgorithm | undefined
  readonly isCa: boolean
  readonly pathLength: number | undefined
  /** Bit i is bit i of KeyUsage (RFC 5280 4.2.1.3); undefined without that extension. */
  readonly keyUsage: readonly boolean[] | undefined
  readonly policies: readonly string[]
  /** Object identifiers of critical extensions that nothing here understands. */
  readonly unknownCritical: readonly string[]
}

export const KEY_USAGE = { digitalSignature: 0, nonRepudiation: 1, keyCertSign: 5 } as const

const BASIC_CONSTRAINTS = '2.5.29.19'
const KEY_USAGE_OID = '2.5.29.15'
const POLICIES = '2.5.29.32'

/**
 * Reads a certificate from DER: strictly first, so that pkijs, OpenSSL and this file see the same one.
 * @returns undefined when it is no version 3 certificate in DER, or has an extension twice
 */
export const readCertificate = remembered(digestOf, (der: Uint8Array): Certificate | undefined => {
  const [tbs, algorithm, signatureBits] = sequenceOf(readDer(der), 3) ?? []
  if (!tbs || !algorithm || signatureBits?.tag !== TAG.bitString || signatureBits.contents[0] !== 0) return undefined
  // [0] version, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo; then [1], [2], [3] extensions
  const [version, , inner, issuer, , subject, publicKey] = sequenceOf(tbs, 7, 10) ?? []
  if (version?.tag !== TAG.context0 || !inner || !issuer || !subject || !publicKey) return undefined
  const subjectAttributes = readName(subject)
  const parsed = readWithPkijs(der)
  if (!subjectAttributes || !parsed) return undefined
  return {
    ...parsed,
    der,
    sha256: createHash('sha256').update(der).digest('hex'),
    subject: subject.bytes,
    subjectAttributes,
    issuer: issuer.bytes,
    publicKey: publicKey.bytes,
    signedBytes: tbs.bytes,
    signature: signatureBits.contents.subarray(1),
    signatureAlgorithm: sameBytes(inner.bytes, algorithm.bytes) ? readSignatureAlgorithm(algorithm.bytes) : undefined,
  }
})

type Parsed = Pick<Certificate, 'notBefore' | 'notAfter' | 'isCa' | 'pathLength' | 'keyUsage' | 'policies' | 'unknownCritical'>

function readWithPkijs(der: Uint8Array): Parsed | undefined {
  try {
    const certificate = PkiCertificate.fromBER(Uint8Array.from(der))
    const extensions = certificate.extensions ?? []
    if (certificate.version !== 2 || new Set(extensions.map(({ extnID }) => extnID)).size !== extensions.length) return undefined
    // asn1js would overlook what follows the value inside an extension.
    if (!extensions.every(({ extnValue }) => readDer(extnValue.valueBlock.valueHexView))) return undefined
    const valueOf = (oid: string): unknown => extensions.find(({ extnID }) => extnID === oid)?.parsedValue
    const constraints = valueOf(BASIC_CONSTRAINTS)
    const policies = valueOf(POLICIES)
    const usage = extensions.find(({ extnID }) => extnID === KEY_USAGE_OID)?.extnValue.valueBlock.valueHexView
    const has = (oid: string): boolean => extensions.some(({ extnID }) => extnID === oid)
    const keyUsage = usage && readBits(readDer(usage))
    // pkijs leaves what it cannot read without a value or as another class: an extension that is there must be readable.
    if (has(BASIC_CONSTRAINTS) && !(constraints instanceof BasicConstraints)) return undefined
    if (has(POLICIES) && !(policies instanceof CertificatePolicies)) return undefined
    if (has(KEY_USAGE_OID) && !keyUsage) return undefined
    const pathLength = constraints instanceof BasicConstraints ? constraints.pathLenConstraint : undefined
    if (pathLength !== undefined && (typeof pathLength !== 'number' || pathLength < 0)) return undefined
    return {
      notBefore: certificate.notBefore.value,
      notAfter: certificate.notAfter.value,
      isCa: constraints instanceof BasicConstraints && constraints.cA === true,
      pathLength,
      keyUsage,
      policies: policies instanceof CertificatePolicies ? policies.certificatePolicies.map(({ policyIdentifier }) => policyIdentifier) : [],
      unknownCritical: extensions.filter(({ critical }) => critical).map(({ extnID }) => extnID)
        .filter((oid) => ![BASIC_CONSTRAINTS, KEY_USAGE_OID, POLICIES].includes(oid)),
    }
  } catch {
    return undefined
  }
}

/** A named bit list as booleans, from bit 0 on; undefined when the value is no BIT STRING. */
export function readBits(value: Der | undefined): readonly boolean[] | undefined {
  if (value?.tag !== TAG.bitString) return undefined
  return [...value.contents.subarray(1)].flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((bit) => (byte & (1 << bit)) !== 0))
}

/** Whether a certificate names another as its issuer and carries a signature of its key. Whether that one may issue is another question. */
export const isIssuedBy = remembered(
  (certificate: Certificate, issuer: Certificate) => `${certificate.sha256} ${issuer.sha256}`,
  (certificate, issuer): boolean => sameBytes(certificate.issuer, issuer.subject) && certificate.signatureAlgorithm !== undefined
    && verifySignature(certificate.signatureAlgorithm, issuer.publicKey, certificate.signedBytes, certificate.signature),
)

/** The common name of the subject, or undefined where it has none or several. */
export function commonNameOf(certificate: Certificate): string | undefined {
  const names = certificate.subjectAttributes.flat().filter(({ oid }) => oid === '2.5.4.3')
  return names.length === 1 ? names[0]!.value : undefined
}
