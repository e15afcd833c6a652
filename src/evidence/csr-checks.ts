import { check, failed, passed, warning } from './check.ts'
import { EXTENDED_KEY_USAGE, fieldOf, KEY_USAGE, readExtendedKeyUsage, readKeyUsage, SUBJECT_OIDS } from './csr-content.ts'
import { EXTENSION_REQUEST, readCsr } from './csr.ts'
import { readDer, TAG } from './der.ts'
import type { CsrExtension, NameAttribute, RequestedKey, SubjectField } from './evidence.ts'
import { readSignatureAlgorithm, verifySignature } from './signature-algorithm.ts'
import { clean, sameBytes } from './text.ts'

export const csrWellFormed = check('csr.well-formed', ['csrText'], ({ csrText }) => {
  const csr = readCsr(csrText)
  if (typeof csr === 'string') return failed(csr)
  return passed('The CSR is one PKCS#10 in DER with nothing behind it.', { vouched: { csr } })
})

/** Proof of possession (ETSI EN 319 411-1 REG-6.3.1). The vendor's procedure leaves it out: `openssl req -verify` of a broken CSR exits 0. */
export const csrSignature = check('csr.signature', ['csr'], ({ csr }) => {
  const algorithm = readSignatureAlgorithm(csr.signatureAlgorithm)
  if (!algorithm || algorithm.weak) {
    return failed(`Expected a CSR signed with RSA PKCS#1 v1.5, RSA PSS or ECDSA over SHA-2, or with Ed25519; it names ${algorithm?.name ?? 'another algorithm'}.`)
  }
  if (verifySignature(algorithm, csr.publicKey, csr.signedBytes, csr.signature)) return passed(`The CSR is signed by its own key (${algorithm.name}).`)
  return failed(`Expected a CSR signed by its own key; its signature (${algorithm.name}) does not verify.`)
})

export const csrSameKey = check('csr.same-key', ['csr', 'key'], ({ csr, key }, { createdPublicKey }) => {
  if (!sameBytes(csr.publicKey, key.publicKey)) return failed('Expected the CSR to have the attested key; it has another key.')
  if (createdPublicKey && !sameBytes(createdPublicKey, key.publicKey)) return failed('Expected the key that was created to be the attested one; it is another key.')
  return passed(createdPublicKey ? 'The key that was created, the attested key and the key of the CSR are the same.' : 'The attested key and the key of the CSR are the same.')
})

/**
 * The TSB glues the subject together as text and lets keytool take it apart again, so `Acme, O=Evil` makes two organisations, and some fields
 * vanish: every attribute is compared, in any order.
 */
export const csrSubject = check('csr.subject', ['csr'], ({ csr }, { request }) => {
  if (!request) return undefined
  if (csr.subject.some((rdn) => rdn.length !== 1)) return failed('Expected one attribute per part of the subject; a part of the CSR subject has several.')
  const found = csr.subject.flat()
  const expected = (Object.entries(request.subject) as [SubjectField, string | undefined][]).filter(([, value]) => value !== undefined)
  for (const [field, value] of expected) {
    const flaw = flawOfAttribute(field, value!, found.filter(({ oid }) => oid === SUBJECT_OIDS[field]))
    if (flaw) return failed(flaw)
  }
  const extra = found.find(({ oid }) => !expected.some(([field]) => SUBJECT_OIDS[field] === oid))
  if (extra) return failed(`Expected only the requested subject; the CSR subject also has ${nameOfAttribute(extra.oid)} "${clean(extra.value ?? '?')}".`)
  const unusual = expected.flatMap(([field]) => unusualType(field, found.find(({ oid }) => oid === SUBJECT_OIDS[field])!))
  // The values are right, so the name is; but a CA may refuse the encoding.
  if (unusual.length > 0) return warning(`The CSR subject has exactly the requested values; ${unusual.join('; ')}.`)
  return passed(`The CSR subject has the ${expected.length} requested attributes with exactly their values, and nothing else.`)
}, 'request')

function flawOfAttribute(field: SubjectField, expected: string, found: readonly NameAttribute[]): string | undefined {
  const [attribute] = found
  if (!attribute || found.length > 1) return `Expected ${field} once in the CSR subject; it stands there ${found.length} times.`
  if (attribute.value !== expected) return `Expected ${field} "${clean(expected)}" in the CSR subject; it is "${clean(attribute.value ?? 'not readable')}".`
  return undefined
}

/** RFC 5280 appendix A.1: countryName is a PrintableString, emailAddress an IA5String, the rest a DirectoryString. */
function unusualType(field: SubjectField, { type }: NameAttribute): string[] {
  const types = { country: ['PrintableString'], email: ['IA5String'] }[field as string] ?? ['UTF8String', 'PrintableString']
  return types.includes(type) ? [] : [`${field} should be a ${types.join(' or ')} and is a ${type}`]
}

function nameOfAttribute(oid: string): string {
  return fieldOf(oid) ?? oid
}

const SUBJECT_KEY_IDENTIFIER = '2.5.29.14'

/** The TSB marks both usages critical (release note 1.16.1); whether a CA takes that is the profile's question. */
export const csrExtensions = check('csr.extensions', ['csr'], ({ csr: { attributeOids, extensions } }, { request }) => {
  if (!request) return undefined
  if (attributeOids.length > 1 || attributeOids.some((oid) => oid !== EXTENSION_REQUEST)) {
    return failed(`Expected one extensionRequest and no other attribute in the CSR; it has ${clean(attributeOids.join(', '))}.`)
  }
  const unexpected = extensions.find(({ oid }, i) => ![KEY_USAGE, EXTENDED_KEY_USAGE, SUBJECT_KEY_IDENTIFIER].includes(oid)
    || extensions.findIndex((other) => other.oid === oid) !== i)
  if (unexpected) return failed(`Expected key usage, extended key usage and subject key identifier at most once each; the CSR also has ${unexpected.oid}.`)
  const valueOf = (oid: string): CsrExtension | undefined => extensions.find((extension) => extension.oid === oid)
  return failure('key usage', readKeyUsage(valueOf(KEY_USAGE)), request.keyUsage)
    ?? failure('extended key usage', readExtendedKeyUsage(valueOf(EXTENDED_KEY_USAGE)), request.extendedKeyUsage)
    ?? (isKeyIdentifier(valueOf(SUBJECT_KEY_IDENTIFIER)) ? passed(describeUsages(request)) : failed('Expected a subject key identifier of 1 to 32 bytes in the CSR.'))
}, 'request')

function failure(name: string, found: readonly string[] | undefined, expected: readonly string[]): ReturnType<typeof failed> | undefined {
  const sameSet = found !== undefined && new Set(found).size === found.length && [...found].sort().join() === [...new Set(expected)].sort().join()
  return sameSet ? undefined : failed(`Expected ${name} ${expected.join(', ') || 'absent'} in the CSR; it is ${clean(found?.join(', ') ?? 'not readable') || 'absent'}.`)
}

function isKeyIdentifier(extension: CsrExtension | undefined): boolean {
  if (!extension) return true
  const value = readDer(extension.value)
  return value?.tag === TAG.octetString && value.contents.length >= 1 && value.contents.length <= 32
}

function describeUsages({ keyUsage, extendedKeyUsage }: RequestedKey): string {
  return `The CSR asks for key usage ${keyUsage.join(', ') || 'none'} and extended key usage ${extendedKeyUsage.join(', ') || 'none'}, as requested, and nothing else.`
}
