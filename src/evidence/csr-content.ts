import { readBits } from './certificate.ts'
import { oidOf, readDer, sequenceOf } from './der.ts'
import type { CsrExtension, SubjectField } from './evidence.ts'

/** X.520, and RFC 2985 for email. */
export const SUBJECT_OIDS: Readonly<Record<SubjectField, string>> = {
  commonName: '2.5.4.3', surname: '2.5.4.4', country: '2.5.4.6', locality: '2.5.4.7', stateOrProvinceName: '2.5.4.8',
  organizationName: '2.5.4.10', organizationUnitName: '2.5.4.11', title: '2.5.4.12', givenName: '2.5.4.42', initials: '2.5.4.43',
  generationQualifier: '2.5.4.44', organizationIdentifier: '2.5.4.97', email: '1.2.840.113549.1.9.1',
}

/** RFC 5280 4.2.1.3, by the TSB's names; the bit is the position. */
const KEY_USAGES = [
  'DIGITAL_SIGNATURE', 'CONTENT_COMMITMENT', 'KEY_ENCIPHERMENT', 'DATA_ENCIPHERMENT', 'KEY_AGREEMENT', 'KEY_CERT_SIGN', 'CRL_SIGN',
  'ENCIPHER_ONLY', 'DECIPHER_ONLY',
]
/** RFC 5280 4.2.1.12, by the TSB's names. */
const EXTENDED_KEY_USAGES: Readonly<Record<string, string>> = {
  ANY_EXTENDED_KEY_USAGE: '2.5.29.37.0', SERVER_AUTH: '1.3.6.1.5.5.7.3.1', CLIENT_AUTH: '1.3.6.1.5.5.7.3.2',
  CODE_SIGNING: '1.3.6.1.5.5.7.3.3', EMAIL_PROTECTION: '1.3.6.1.5.5.7.3.4', TIME_STAMPING: '1.3.6.1.5.5.7.3.8',
  OCSP_SIGNING: '1.3.6.1.5.5.7.3.9',
}
export const KEY_USAGE = '2.5.29.15'
export const EXTENDED_KEY_USAGE = '2.5.29.37'

/** @returns the TSB's name of a subject attribute; undefined for one that its CSR call does not know */
export function fieldOf(oid: string): SubjectField | undefined {
  return (Object.keys(SUBJECT_OIDS) as SubjectField[]).find((field) => SUBJECT_OIDS[field] === oid)
}

/** @returns names of the bits that are set; none for no extension; undefined for one that is no canonical, non-empty bit list */
export function readKeyUsage(extension: CsrExtension | undefined): string[] | undefined {
  if (!extension) return []
  const value = readDer(extension.value)
  const bits = readBits(value)
  if (!value || !bits || bits.length > 16) return undefined
  // X.690 11.2.2: a named bit list ends with its last set bit.
  const used = bits.length - value.contents[0]!
  if (bits.lastIndexOf(true) !== used - 1 || used === 0) return undefined
  return bits.flatMap((set, bit) => set ? [KEY_USAGES[bit] ?? `bit ${bit}`] : [])
}

/** @returns the TSB's names, or the object identifiers where it has none; none for no extension; undefined for what is no list of them */
export function readExtendedKeyUsage(extension: CsrExtension | undefined): string[] | undefined {
  if (!extension) return []
  const oids = sequenceOf(readDer(extension.value), 1, 50)?.map(oidOf)
  return oids?.map((oid) => Object.entries(EXTENDED_KEY_USAGES).find(([, known]) => known === oid)?.[0] ?? oid ?? '?')
}
