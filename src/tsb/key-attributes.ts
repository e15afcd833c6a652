import Type, { type Static } from 'typebox'
import { Value } from 'typebox/value'
import type { TsbAnswer, TsbRequest } from './http.ts'
import type { KeyReference } from './key-reference.ts'
import { parseJson, TsbError, type TsbCall } from './tsb-error.ts'

/**
 * `SignedKeyAttributes`, the answer of create-key and of the look-up, as far as this service reads it (contract, section 1.1). The label must
 * be there: without it the answer describes no key. A symmetric key has no public key. The rest differs between TSB versions and only helps
 * to tell a key of ours.
 */
const SignedKeyAttributes = Type.Object({
  json: Type.Object({
    label: Type.String(),
    publicKey: Type.Optional(Type.Union([Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$' }), Type.Null()])),
    algorithm: Type.Optional(Type.Unknown()),
    curveOid: Type.Optional(Type.Unknown()),
    keySize: Type.Optional(Type.Unknown()),
    keyUsageCount: Type.Optional(Type.Unknown()),
    createTime: Type.Optional(Type.Unknown()),
    attestTime: Type.Optional(Type.Unknown()),
    attributes: Type.Optional(Type.Unknown()),
  }),
})

/** What the TSB says of a key. `publicKey` is its DER SubjectPublicKeyInfo. */
export type KeyAttributes = Omit<Static<typeof SignedKeyAttributes>['json'], 'publicKey'> & { readonly publicKey?: Buffer }

/** `POST /v1/key/attributes`: the form that can carry a password. Reads only. */
export function keyAttributesRequest(key: KeyReference, timeoutMs: number): TsbRequest {
  return {
    call: 'key-attributes', method: 'POST', path: '/v1/key/attributes', timeoutMs, maxBytes: 262_144,
    body: { label: key.label, ...(key.password !== undefined && { password: key.password }) },
  }
}

/** @throws TsbError where the answer is no `SignedKeyAttributes` */
export function readKeyAttributesAnswer(answer: TsbAnswer): KeyAttributes {
  return readSignedKeyAttributes('key-attributes', answer)
}

/**
 * Reads a `SignedKeyAttributes` answer.
 * @throws TsbError `tsb-invalid-response` with unknown effect: the TSB said 2xx, so it may well have acted
 */
export function readSignedKeyAttributes(call: TsbCall, answer: TsbAnswer): KeyAttributes {
  const value = parseJson(answer.body)
  if (!Value.Check(SignedKeyAttributes, value)) throw noKey(call, answer)
  const { publicKey, ...json } = value.json
  return { ...json, ...(typeof publicKey === 'string' && { publicKey: Buffer.from(publicKey, 'base64') }) }
}

/** The TSB said 2xx, so it may well have acted. */
export function noKey(call: TsbCall, answer: TsbAnswer): TsbError {
  return new TsbError(call, 'tsb-invalid-response', `the TSB answered ${call} with ${answer.status} and a body that does not describe a key`, {
    effect: 'unknown', upstream: { status: answer.status },
  })
}
