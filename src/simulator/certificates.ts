import { randomBytes, type KeyObject } from 'node:crypto'
import { bitString, explicit, integer, pem, sequence, time } from './der.ts'
import { encodeName, type Name } from './names.ts'
import { algorithmIdentifier, defaultAlgorithm, signBytes, type SignatureAlgorithm } from './signatures.ts'

/** Who signs: for a self-signed certificate, the subject itself with its own key. */
export interface Issuer {
  readonly subject: Name
  readonly privateKey: KeyObject
}

export interface CertificateContent {
  readonly subject: Name
  readonly publicKey: KeyObject
  readonly issuer: Issuer
  /** Encoded extensions, in order (see extensions.ts); with none, the field is left out. */
  readonly extensions: readonly Uint8Array[]
  readonly notBefore: Date
  readonly notAfter: Date
  /** Big-endian bytes; 16 random bytes, made positive, by default. */
  readonly serialNumber?: Uint8Array
  /** SHA-256 with what the issuer's key is, by default. */
  readonly algorithm?: SignatureAlgorithm
}

/** A certificate with the keys of its subject: everything a test needs to forge beside it. */
export interface Certified extends Issuer {
  readonly publicKey: KeyObject
  readonly der: Buffer
  readonly pem: string
}

const randomSerial = (): Buffer => {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes
}

/**
 * Issues an X.509 v3 certificate (RFC 5280 4.1) with a real signature. Nothing is checked, so that tests can issue what no CA would.
 * @returns The certificate in DER.
 */
export function issueCertificate(content: CertificateContent): Buffer {
  const algorithm = content.algorithm ?? defaultAlgorithm(content.issuer.privateKey)
  const signed = sequence(
    explicit(0, integer(2)),
    integer(content.serialNumber ?? randomSerial()),
    algorithmIdentifier(algorithm),
    encodeName(content.issuer.subject),
    sequence(time(content.notBefore), time(content.notAfter)),
    encodeName(content.subject),
    content.publicKey.export({ type: 'spki', format: 'der' }),
    ...(content.extensions.length === 0 ? [] : [explicit(3, sequence(...content.extensions))]),
  )
  return sequence(signed, algorithmIdentifier(algorithm), bitString(signBytes(algorithm, signed, content.issuer.privateKey)))
}

/** Armours a certificate as PEM. */
export const certificatePem = (der: Uint8Array): string => pem('CERTIFICATE', der)
