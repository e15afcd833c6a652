import { createHash, type KeyObject } from 'node:crypto'
import { boolean, integer, namedBits, octetString, oid, sequence } from './der.ts'

/** X.509 key usage bits by the TSB's names (contract 2.4; bit numbers from RFC 5280 4.2.1.3). */
export const keyUsageBits = {
  DIGITAL_SIGNATURE: 0, CONTENT_COMMITMENT: 1, KEY_ENCIPHERMENT: 2, DATA_ENCIPHERMENT: 3, KEY_AGREEMENT: 4,
  KEY_CERT_SIGN: 5, CRL_SIGN: 6, ENCIPHER_ONLY: 7, DECIPHER_ONLY: 8,
} as const
export type KeyUsage = keyof typeof keyUsageBits

/** Extended key usages by the TSB's names (contract 2.4). */
export const extendedKeyUsageOids = {
  ANY_EXTENDED_KEY_USAGE: '2.5.29.37.0', SERVER_AUTH: '1.3.6.1.5.5.7.3.1', CLIENT_AUTH: '1.3.6.1.5.5.7.3.2', CODE_SIGNING: '1.3.6.1.5.5.7.3.3',
  EMAIL_PROTECTION: '1.3.6.1.5.5.7.3.4', TIME_STAMPING: '1.3.6.1.5.5.7.3.8', OCSP_SIGNING: '1.3.6.1.5.5.7.3.9',
} as const
export type ExtendedKeyUsage = keyof typeof extendedKeyUsageOids

/** Writes any extension. `value` is the DER inside the OCTET STRING. */
export const extension = (type: string, critical: boolean, value: Uint8Array): Buffer =>
  sequence(oid(type), ...(critical ? [boolean(true)] : []), octetString(value))

/** Key usage, critical. */
export const keyUsage = (...usages: readonly KeyUsage[]): Buffer =>
  extension('2.5.29.15', true, namedBits(usages.map((usage) => keyUsageBits[usage])))

/** Extended key usage. */
export const extendedKeyUsage = (usages: readonly ExtendedKeyUsage[], critical = true): Buffer =>
  extension('2.5.29.37', critical, sequence(...usages.map((usage) => oid(extendedKeyUsageOids[usage]))))

/** Basic constraints, critical. */
export const basicConstraints = (ca: boolean, pathLength?: number): Buffer =>
  extension('2.5.29.19', true, sequence(...(ca ? [boolean(true)] : []), ...(pathLength === undefined ? [] : [integer(pathLength)])))

/** Certificate policies without qualifiers, not critical. */
export const certificatePolicies = (...policies: readonly string[]): Buffer =>
  extension('2.5.29.32', false, sequence(...policies.map((policy) => sequence(oid(policy)))))

/** Subject key identifier: SHA-1 over the bits of the public key (RFC 5280 4.2.1.2, method 1). */
export const subjectKeyIdentifier = (publicKey: KeyObject): Buffer =>
  extension('2.5.29.14', false, octetString(createHash('sha1').update(publicKeyBits(publicKey)).digest()))

/** The content of the BIT STRING in a SubjectPublicKeyInfo. */
function publicKeyBits(publicKey: KeyObject): Buffer {
  const der = publicKey.export({ type: 'spki', format: 'der' })
  const outer = contentOf(der, 0)
  const bits = contentOf(der, contentOf(der, outer.start).end)
  return der.subarray(bits.start + 1, bits.end) // the first octet counts unused bits: always 0 here
}

function contentOf(der: Buffer, offset: number): { start: number; end: number } {
  const first = der[offset + 1] ?? 0
  const size = first < 0x80 ? 0 : first & 0x7f
  const start = offset + 2 + size
  return { start, end: start + (size === 0 ? first : der.readUIntBE(offset + 2, size)) }
}
