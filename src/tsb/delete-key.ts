import type { TsbRequest } from './http.ts'
import type { KeyReference } from './key-reference.ts'

/**
 * `POST /v1/key/deleteKey`: the form that can carry a password. The body of the answer is not documented and not read.
 * On a connection of its own: whose label it is can then be looked at when nothing is left to wait for.
 * With Key Invalidation the key becomes invisible and its label stays taken (contract, section 8.1).
 */
export function deleteKeyRequest(key: KeyReference, timeoutMs: number): TsbRequest {
  return {
    call: 'delete-key', method: 'POST', path: '/v1/key/deleteKey', timeoutMs, maxBytes: 65_536, ownConnection: true,
    body: { label: key.label, ...(key.password !== undefined && { password: key.password }) },
  }
}
