import { CertificationRequest } from 'pkijs'
import { integerOf, oidOf, readDer, sequenceOf, TAG } from './der.ts'
import type { Der } from './der.ts'
import { readName } from './distinguished-name.ts'
import type { CsrExtension, ParsedCsr } from './evidence.ts'
import { readPem } from './pem.ts'
import { readPublicKey } from './public-key.ts'
import { sameBytes } from './text.ts'

export const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'

/** An RSA-16384 CSR with a long subject has 6 kB. */
const LONGEST_PEM = 64 * 1024

/**
 * Reads a PKCS#10 (RFC 2986) in PEM. keytool, and so the TSB, writes the header `NEW CERTIFICATE REQUEST` (RFC 7468 section 7 allows reading it).
 * @param pem exactly one block and nothing else
 * @returns the request, or the reason for refusing, as a sentence
 */
export function readCsr(pem: string): ParsedCsr | string {
  if (pem.length > LONGEST_PEM) return `Expected a CSR of at most ${LONGEST_PEM} characters.`
  const [block] = readPem(pem, 1) ?? []
  if (block?.label !== 'CERTIFICATE REQUEST' && block?.label !== 'NEW CERTIFICATE REQUEST') {
    return 'Expected one PEM block CERTIFICATE REQUEST or NEW CERTIFICATE REQUEST and nothing else; the CSR is something else.'
  }
  const parsed = readRequest(block.der)
  return parsed ? { ...parsed, pemLabel: block.label } : 'Expected a version 1 PKCS#10 in DER with nothing behind it; the CSR is something else.'
}

function readRequest(der: Uint8Array): Omit<ParsedCsr, 'pemLabel'> | undefined {
  const [info, algorithm, signature] = sequenceOf(readDer(der), 3) ?? []
  const [version, subjectName, publicKey, attributeSet] = sequenceOf(info, 4) ?? []
  if (!info || !algorithm || signature?.tag !== TAG.bitString || signature.contents[0] !== 0) return undefined
  if (integerOf(version) !== 0n || !publicKey || attributeSet?.tag !== TAG.context0) return undefined
  const subject = readName(subjectName)
  const attributes = attributeSet.children.map(readAttribute)
  if (!subject || !readPublicKey(publicKey.bytes) || !attributes.every((attribute) => attribute !== undefined)) return undefined
  if (!pkijsAgrees(der, info.bytes)) return undefined
  return {
    der,
    signedBytes: info.bytes,
    signatureAlgorithm: algorithm.bytes,
    signature: signature.contents.subarray(1),
    subject,
    publicKey: publicKey.bytes,
    attributeOids: attributes.map(({ oid }) => oid),
    extensions: attributes.flatMap(({ extensions }) => extensions),
  }
}

/** A second reader, so that a slip in ours is no way in: it must see a PKCS#10, and the same signed bytes. */
function pkijsAgrees(der: Uint8Array, signedBytes: Uint8Array): boolean {
  try {
    return sameBytes(CertificationRequest.fromBER(Uint8Array.from(der)).tbsView, signedBytes)
  } catch {
    return false
  }
}

/** Attribute (RFC 2986 4.1): of extensionRequest (RFC 2985 5.4.2) the one value is an Extensions. */
function readAttribute(attribute: Der): { oid: string; extensions: CsrExtension[] } | undefined {
  const [type, values] = sequenceOf(attribute, 2) ?? []
  const oid = oidOf(type)
  if (oid === undefined || values?.tag !== TAG.set || values.children.length === 0) return undefined
  if (oid !== EXTENSION_REQUEST) return { oid, extensions: [] }
  const extensions = values.children.length === 1 ? sequenceOf(values.children[0], 1, 50)?.map(readExtension) : undefined
  return extensions?.every((extension) => extension !== undefined) ? { oid, extensions } : undefined
}

/** Extension (RFC 5280 4.1). `critical` is there only when TRUE: DER leaves defaults out (X.690 11.5). */
function readExtension(extension: Der): CsrExtension | undefined {
  const parts = sequenceOf(extension, 2, 3)
  const oid = oidOf(parts?.[0])
  const value = parts?.at(-1)
  const critical = parts?.length === 3
  if (!parts || oid === undefined || value?.tag !== TAG.octetString) return undefined
  if (critical && (parts[1]?.tag !== TAG.boolean || parts[1].contents[0] !== 0xff)) return undefined
  return { oid, critical, value: value.contents }
}
