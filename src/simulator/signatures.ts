import { constants, sign, type KeyObject } from 'node:crypto'
import { explicit, integer, nothing, oid, sequence } from './der.ts'

/** The TSB's names of the algorithms that its CSR call takes (contract 2.4), and two more for certificates that tests forge. */
export type SignatureAlgorithm =
  | 'SHA224_WITH_RSA' | 'SHA256_WITH_RSA' | 'SHA384_WITH_RSA' | 'SHA512_WITH_RSA'
  | 'SHA256_WITH_ECDSA' | 'SHA384_WITH_ECDSA' | 'SHA512_WITH_ECDSA' | 'EDDSA'
  | 'SHA1_WITH_RSA' | 'SHA256_WITH_RSA_PSS'

/** The ones that the TSB's synchronous CSR call takes. */
export const requestAlgorithms = [
  'SHA224_WITH_RSA', 'SHA256_WITH_RSA', 'SHA384_WITH_RSA', 'SHA512_WITH_RSA', 'SHA256_WITH_ECDSA', 'SHA384_WITH_ECDSA', 'SHA512_WITH_ECDSA', 'EDDSA',
] as const satisfies readonly SignatureAlgorithm[]

interface Scheme {
  readonly keyType: 'rsa' | 'ec' | 'ed25519'
  readonly hash: string | null
  readonly identifier: Buffer
  readonly pss?: boolean
}

const rsa = (hash: string, arc: number): Scheme =>
  ({ keyType: 'rsa', hash, identifier: sequence(oid(`1.2.840.113549.1.1.${String(arc)}`), nothing()) })
const ecdsa = (hash: string, arc: number): Scheme => ({ keyType: 'ec', hash, identifier: sequence(oid(`1.2.840.10045.4.3.${String(arc)}`)) })

const sha256 = sequence(oid('2.16.840.1.101.3.4.2.1'), nothing())
const pssParameters = sequence(
  explicit(0, sha256), explicit(1, sequence(oid('1.2.840.113549.1.1.8'), sha256)), explicit(2, integer(32)))

const schemes: Readonly<Record<SignatureAlgorithm, Scheme>> = {
  SHA1_WITH_RSA: rsa('sha1', 5),
  SHA224_WITH_RSA: rsa('sha224', 14),
  SHA256_WITH_RSA: rsa('sha256', 11),
  SHA384_WITH_RSA: rsa('sha384', 12),
  SHA512_WITH_RSA: rsa('sha512', 13),
  SHA256_WITH_RSA_PSS: { keyType: 'rsa', hash: 'sha256', identifier: sequence(oid('1.2.840.113549.1.1.10'), pssParameters), pss: true },
  SHA256_WITH_ECDSA: ecdsa('sha256', 2),
  SHA384_WITH_ECDSA: ecdsa('sha384', 3),
  SHA512_WITH_ECDSA: ecdsa('sha512', 4),
  EDDSA: { keyType: 'ed25519', hash: null, identifier: sequence(oid('1.3.101.112')) },
}

/** Tells whether a key of this type can sign with this algorithm. */
export const fitsKey = (algorithm: SignatureAlgorithm, key: KeyObject): boolean => schemes[algorithm].keyType === key.asymmetricKeyType

/** The algorithm that certificates are signed with by default: SHA-256 with what the key is. */
export const defaultAlgorithm = (key: KeyObject): SignatureAlgorithm =>
  key.asymmetricKeyType === 'ec' ? 'SHA256_WITH_ECDSA' : key.asymmetricKeyType === 'ed25519' ? 'EDDSA' : 'SHA256_WITH_RSA'

/** The AlgorithmIdentifier in DER. */
export const algorithmIdentifier = (algorithm: SignatureAlgorithm): Buffer => schemes[algorithm].identifier

/**
 * Signs bytes; ECDSA signatures in DER, PSS with MGF1-SHA256 and a salt of 32.
 * @throws Error of node:crypto when the key does not fit.
 */
export function signBytes(algorithm: SignatureAlgorithm, bytes: Uint8Array, key: KeyObject): Buffer {
  const { hash, pss } = schemes[algorithm]
  return pss === true
    ? sign(hash, bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 })
    : sign(hash, bytes, key)
}
