import type { TsbAnswer, TsbRequest } from './http.ts'
import { noKey, readSignedKeyAttributes, type KeyAttributes } from './key-attributes.ts'

/** The attributes that are always sent, all of them: the TSB's defaults are unhelpful (`destroyable` is false when left out). */
export interface CreateKeyAttributes {
  readonly sign: true
  readonly extractable: false
  readonly sensitive: true
  readonly copyable: false
  readonly modifiable: boolean
  readonly destroyable: true
  readonly decrypt: boolean
  readonly unwrap: boolean
  readonly derive: boolean
}

export interface CreateKeyBody {
  readonly label: string
  /** One printable ASCII character per entry; left out where the key has none (the TSB misreads an empty array). */
  readonly password?: readonly string[]
  readonly algorithm: 'RSA' | 'EC' | 'ED'
  /** RSA only, in bits. */
  readonly keySize?: number
  /** EC and ED only. */
  readonly curveOid?: string
  readonly attributes: CreateKeyAttributes
}

/**
 * `POST /v1/key`. Not idempotent and not atomic inside the TSB (contract, section 8.4), so: never repeated, and on a connection of its own.
 * What a failure changed: nothing where no connection stood, on 401 and 403, on a documented input fault and on 608; everything else is unknown.
 */
export function createKeyRequest(body: CreateKeyBody, timeoutMs: number): TsbRequest {
  return { call: 'create-key', method: 'POST', path: '/v1/key', body: { ...body }, timeoutMs, maxBytes: 262_144, ownConnection: true }
}

/** @throws TsbError with unknown effect where a 2xx answer can't be read: the key may exist */
export function readCreateKeyAnswer(answer: TsbAnswer): CreatedKey {
  const { publicKey, ...created } = readSignedKeyAttributes('create-key', answer)
  if (publicKey === undefined) throw noKey('create-key', answer)
  return { ...created, publicKey }
}

/** A key as create-key answers it: always an asymmetric one. */
export type CreatedKey = KeyAttributes & { readonly publicKey: Buffer }
