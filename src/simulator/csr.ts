import type { KeyObject } from 'node:crypto'
import { bitString, explicit, integer, oid, pem, sequence, setOf } from './der.ts'
import { extendedKeyUsage, keyUsage, subjectKeyIdentifier, type ExtendedKeyUsage, type KeyUsage } from './extensions.ts'
import { keytoolDn, parseKeytoolDn, type CertificateAttributes } from './keytool-name.ts'
import { encodeName, type Name } from './names.ts'
import { algorithmIdentifier, defaultAlgorithm, signBytes, type SignatureAlgorithm } from './signatures.ts'

export interface CsrContent {
  /** The TSB's fields, which go through keytool's DN string, or a name in DER order as it shall stand in the CSR. */
  readonly subject: CertificateAttributes | Name
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
  readonly algorithm?: SignatureAlgorithm
  readonly keyUsage?: readonly KeyUsage[]
  readonly extendedKeyUsage?: readonly ExtendedKeyUsage[]
  /** Further encoded extensions (see extensions.ts), behind the TSB's own. */
  readonly extensions?: readonly Uint8Array[]
}

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'

const isName = (subject: CertificateAttributes | Name): subject is Name => Array.isArray(subject)

/**
 * Makes a PKCS#10 in the TSB's form (contract 5.3, 5.4): subject through keytool's DN string, critical usages only when asked for, a
 * subject key identifier always.
 * @returns The CSR in DER.
 * @throws Error with keytool's words when the joined subject is no DN; Error of node:crypto when the key does not fit the algorithm.
 */
export function createCsr(content: CsrContent): Buffer {
  const algorithm = content.algorithm ?? defaultAlgorithm(content.privateKey)
  const name = isName(content.subject) ? content.subject : parseKeytoolDn(keytoolDn(content.subject))
  const usages = content.keyUsage ?? []
  const extendedUsages = content.extendedKeyUsage ?? []
  const extensions = sequence(
    ...(extendedUsages.length === 0 ? [] : [extendedKeyUsage(extendedUsages)]),
    ...(usages.length === 0 ? [] : [keyUsage(...usages)]),
    subjectKeyIdentifier(content.publicKey),
    ...(content.extensions ?? []),
  )
  const signed = sequence(
    integer(0),
    encodeName(name),
    content.publicKey.export({ type: 'spki', format: 'der' }),
    explicit(0, sequence(oid(EXTENSION_REQUEST), setOf(extensions))),
  )
  return sequence(signed, algorithmIdentifier(algorithm), bitString(signBytes(algorithm, signed, content.privateKey)))
}

/** Armours a CSR with keytool's header, which is not the usual one. */
export const csrPem = (der: Uint8Array): string => pem('NEW CERTIFICATE REQUEST', der)
