import { constants, createPublicKey, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { integerOf, oidOf, readDer, sequenceOf, TAG } from './der.ts'
import type { Der } from './der.ts'
import { digestOf, remembered } from './remembered.ts'
import { sameBytes } from './text.ts'

/** How a certificate or a PKCS#10 is signed, as its AlgorithmIdentifier says. */
export interface SignatureAlgorithm {
  /** For people, e.g. `RSA PKCS#1 v1.5 with SHA-256`. */
  readonly name: string
  readonly kind: 'rsa' | 'rsa-pss' | 'ec' | 'ed25519'
  /** In node:crypto's names; none for Ed25519, which brings its own. */
  readonly hash?: 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512'
  /** SHA-1: recognised so that the report can name it. No check accepts it. */
  readonly weak: boolean
}

type Hash = NonNullable<SignatureAlgorithm['hash']>

const HASH_NAME: Record<Hash, string> = { sha1: 'SHA-1', sha224: 'SHA-224', sha256: 'SHA-256', sha384: 'SHA-384', sha512: 'SHA-512' }
const SALT_LENGTH: Record<Hash, bigint> = { sha1: 20n, sha224: 28n, sha256: 32n, sha384: 48n, sha512: 64n }

/** RFC 8017 appendix A.2.4. */
const RSA_PKCS1: Record<string, Hash> = {
  '1.2.840.113549.1.1.5': 'sha1', '1.2.840.113549.1.1.14': 'sha224', '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384', '1.2.840.113549.1.1.13': 'sha512',
}
/** RFC 5758 section 3.2, and RFC 3279 section 2.2.3 for SHA-1. */
const ECDSA: Record<string, Hash> = {
  '1.2.840.10045.4.1': 'sha1', '1.2.840.10045.4.3.1': 'sha224', '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384', '1.2.840.10045.4.3.4': 'sha512',
}
/** RFC 4055 section 2.1. */
const HASHES: Record<string, Hash> = {
  '2.16.840.1.101.3.4.2.4': 'sha224', '2.16.840.1.101.3.4.2.1': 'sha256', '2.16.840.1.101.3.4.2.2': 'sha384', '2.16.840.1.101.3.4.2.3': 'sha512',
}
const RSASSA_PSS = '1.2.840.113549.1.1.10'
const MGF1 = '1.2.840.113549.1.1.8'
const ED25519 = '1.3.101.112'

/**
 * Reads an AlgorithmIdentifier of a signature. RSA has NULL parameters (RFC 4055), ECDSA and Ed25519 none (RFC 5758, RFC 8410); PSS has
 * MGF1 over the same hash and a salt as long as the hash (the only form that ETSI TS 119 312 and the CA/B Forum take).
 * @param der DER AlgorithmIdentifier
 * @returns undefined for anything else
 */
export function readSignatureAlgorithm(der: Uint8Array): SignatureAlgorithm | undefined {
  const [algorithm, parameters] = sequenceOf(readDer(der), 1, 2) ?? []
  const oid = oidOf(algorithm)
  if (oid === undefined) return undefined
  const pkcs1 = own(RSA_PKCS1, oid)
  if (pkcs1) return parameters?.tag === TAG.null ? named('rsa', 'RSA PKCS#1 v1.5', pkcs1) : undefined
  const ecdsa = own(ECDSA, oid)
  if (ecdsa) return parameters === undefined ? named('ec', 'ECDSA', ecdsa) : undefined
  if (oid === ED25519) return parameters === undefined ? { name: 'Ed25519', kind: 'ed25519', weak: false } : undefined
  const pss = oid === RSASSA_PSS ? readPssHash(parameters) : undefined
  return pss && named('rsa-pss', 'RSA PSS', pss)
}

function named(kind: SignatureAlgorithm['kind'], scheme: string, hash: Hash): SignatureAlgorithm {
  return { name: `${scheme} with ${HASH_NAME[hash]}`, kind, hash, weak: hash === 'sha1' }
}

/** RSASSA-PSS-params (RFC 4055 section 3.1): [0] hash, [1] mask generation, [2] salt length. The default trailer field is not encoded in DER. */
function readPssHash(parameters: Der | undefined): Hash | undefined {
  const [hashTag, maskTag, saltTag] = sequenceOf(parameters, 3) ?? []
  if (hashTag?.tag !== 0xa0 || maskTag?.tag !== 0xa1 || saltTag?.tag !== 0xa2) return undefined
  if (hashTag.children.length !== 1 || maskTag.children.length !== 1 || saltTag.children.length !== 1) return undefined
  const [mask, maskHash] = sequenceOf(maskTag.children[0], 2) ?? []
  const hash = readHash(hashTag.children[0])
  if (!hash || oidOf(mask) !== MGF1 || readHash(maskHash) !== hash) return undefined
  return integerOf(saltTag.children[0]) === SALT_LENGTH[hash] ? hash : undefined
}

function readHash(value: Der | undefined): Hash | undefined {
  const [algorithm, parameters] = sequenceOf(value, 1, 2) ?? []
  const oid = oidOf(algorithm)
  return oid !== undefined && (parameters === undefined || parameters.tag === TAG.null) ? own(HASHES, oid) : undefined
}

/**
 * Verifies a signature under a key, by the algorithm that the signed structure names.
 * @param publicKey DER SubjectPublicKeyInfo
 * @returns false also where the key is of another kind than the algorithm, or no key at all
 */
export function verifySignature(algorithm: SignatureAlgorithm, publicKey: Uint8Array, signed: Uint8Array, signature: Uint8Array): boolean {
  const key = readKeyObject(publicKey)
  // An rsaEncryption key may sign with PSS; an id-RSASSA-PSS key with nothing else (RFC 4055 section 1.2).
  const fits = algorithm.kind === 'rsa-pss' ? ['rsa', 'rsa-pss'] : [algorithm.kind]
  if (!key || !fits.includes(key.asymmetricKeyType ?? '')) return false
  try {
    if (algorithm.kind !== 'rsa-pss') return verify(algorithm.hash ?? null, signed, key, signature)
    const saltLength = Number(SALT_LENGTH[algorithm.hash!])
    return verify(algorithm.hash, signed, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature)
  } catch {
    return false
  }
}

/** DER SubjectPublicKeyInfo to a key, or undefined where OpenSSL takes it for none (a point off its curve, too) or would write it otherwise. */
export const readKeyObject = remembered(digestOf, (publicKey: Uint8Array): KeyObject | undefined => {
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' })
    return sameBytes(key.export({ format: 'der', type: 'spki' }), publicKey) ? key : undefined
  } catch {
    return undefined
  }
})

/** A value of a table, never one of Object's own members. */
function own<T>(table: Record<string, T>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined
}
