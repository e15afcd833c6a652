import { bitStringOf, integerOf, oidOf, readDer, sequenceOf, TAG } from './der.ts'
import type { Der } from './der.ts'
import { readKeyObject } from './signature-algorithm.ts'

/** A SubjectPublicKeyInfo (RFC 5280 4.1.2.7) of a kind that is read here. */
export type PublicKey =
  | { readonly kind: 'RSA'; readonly modulus: bigint; readonly exponent: bigint; readonly bits: number }
  | { readonly kind: 'EC'; readonly curveOid: string; readonly point: Uint8Array }
  | { readonly kind: 'ED'; readonly curveOid: string }

export const RSA_ENCRYPTION = '1.2.840.113549.1.1.1'
export const EC_PUBLIC_KEY = '1.2.840.10045.2.1'
export const ED25519 = '1.3.101.112'
export const SECP256K1 = '1.3.132.0.10'

/** P-256, P-384, P-521, brainpoolP256r1, P384r1, P512r1 (ETSI TS 119 312, SOG-IS ACM), secp256k1; bits of the field. */
const FIELD_BITS: Record<string, number> = {
  '1.2.840.10045.3.1.7': 256, '1.3.132.0.34': 384, '1.3.132.0.35': 521,
  '1.3.36.3.3.2.8.1.1.7': 256, '1.3.36.3.3.2.8.1.1.11': 384, '1.3.36.3.3.2.8.1.1.13': 512, [SECP256K1]: 256,
}

/** What `key.strength` lets pass when the input names no curves. secp256k1 gets a warning instead: documented for blockchains, no CA takes it. */
export const DEFAULT_CURVES: readonly string[] = [...Object.keys(FIELD_BITS).filter((oid) => oid !== SECP256K1), ED25519]

/** Product of the primes below 752: CA/B Forum Code Signing BR 6.1.6 wants no such factor in a modulus. */
const SMALL_PRIMES = primesBelow(752).reduce((product, prime) => product * BigInt(prime), 1n)

/**
 * Takes a public key apart. RSA under rsaEncryption with NULL (RFC 3279), EC under a named curve only (RFC 5480: explicit parameters are how
 * CVE-2020-0601 worked), Ed25519 without parameters (RFC 8410).
 * @param der DER SubjectPublicKeyInfo
 * @returns undefined for anything else
 */
export function readPublicKey(der: Uint8Array): PublicKey | undefined {
  const [algorithm, bits] = sequenceOf(readDer(der), 2) ?? []
  const [identifier, parameters] = sequenceOf(algorithm, 1, 2) ?? []
  const key = bitStringOf(bits)
  if (!key) return undefined
  switch (oidOf(identifier)) {
    case RSA_ENCRYPTION: return parameters?.tag === TAG.null ? readRsa(key) : undefined
    case EC_PUBLIC_KEY: return readEc(parameters, key)
    case ED25519: return parameters === undefined && key.length === 32 ? { kind: 'ED', curveOid: ED25519 } : undefined
    default: return undefined
  }
}

function readRsa(key: Uint8Array): PublicKey | undefined {
  const [n, e] = sequenceOf(readDer(key), 2) ?? []
  const modulus = integerOf(n)
  const exponent = integerOf(e)
  if (modulus === undefined || exponent === undefined) return undefined
  return { kind: 'RSA', modulus, exponent, bits: modulus.toString(2).length }
}

function readEc(parameters: Der | undefined, point: Uint8Array): PublicKey | undefined {
  const curveOid = oidOf(parameters)
  return curveOid === undefined ? undefined : { kind: 'EC', curveOid, point }
}

/** The key's kind in the report's words: `RSA-4096`, `EC 1.2.840.10045.3.1.7`, `Ed25519`. */
export function describeKey(key: PublicKey): string {
  if (key.kind === 'RSA') return `RSA-${key.bits}`
  return key.kind === 'EC' ? `EC ${key.curveOid}` : 'Ed25519'
}

/** Bits of a curve's field, for the curves that are read here. */
export function fieldBits(curveOid: string): number | undefined {
  return Object.hasOwn(FIELD_BITS, curveOid) ? FIELD_BITS[curveOid] : undefined
}

/**
 * What is wrong with a key by its numbers alone: ETSI TS 119 312 (sizes, exponents, curves), CA/B Forum Code Signing BR 6.1.6.
 * @param der the same key as DER SubjectPublicKeyInfo, for OpenSSL's own judgement (point on the curve)
 * @param curves dotted object identifiers that may pass
 * @returns the flaw as the end of a sentence; undefined for a sound key
 */
export function flawOf(key: PublicKey, der: Uint8Array, curves: readonly string[]): string | undefined {
  if (key.kind === 'RSA') return flawOfRsa(key.modulus, key.exponent, key.bits)
  if (!curves.includes(key.curveOid)) return `its curve ${key.curveOid} is not among the accepted ones`
  if (key.kind === 'EC') {
    const bits = fieldBits(key.curveOid)
    if (bits === undefined) return `its curve ${key.curveOid} is not known here`
    if (key.point[0] !== 0x04 || key.point.length !== 1 + 2 * Math.ceil(bits / 8)) return 'its point is not in the uncompressed form of its curve'
  }
  return readKeyObject(der) ? undefined : 'its point is not on its curve'
}

function flawOfRsa(modulus: bigint, exponent: bigint, bits: number): string | undefined {
  if (bits < 2048 || bits > 16384) return `its modulus has ${bits} bits, outside 2048 to 16384`
  if (modulus % 2n === 0n) return 'its modulus is even'
  if (exponent % 2n === 0n) return 'its public exponent is even'
  if (exponent <= 65536n || exponent >= 2n ** 256n) return 'its public exponent is not between 2^16 and 2^256'
  return greatestCommonDivisor(SMALL_PRIMES, modulus) === 1n ? undefined : 'its modulus has a factor below 752'
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatestCommonDivisor(b, a % b)
}

function primesBelow(limit: number): number[] {
  const primes: number[] = []
  for (let n = 2; n < limit; n += 1) if (primes.every((prime) => n % prime !== 0)) primes.push(n)
  return primes
}
