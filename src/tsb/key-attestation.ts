import type { TsbAnswer, TsbRequest } from './http.ts'
import type { KeyReference } from './key-reference.ts'
import { TsbError } from './tsb-error.ts'

/** "PK\3\4", the local file header that every zip with an entry begins with (PKWARE APPNOTE 4.3.7). */
const ZIP_SIGNATURE = Buffer.from([0x50, 0x4b, 0x03, 0x04])

/**
 * `POST /v1/key/keyAttestation`: the export as a zip. Reads only; each call attests anew.
 * The media type is not documented, and the vendor's own example asks for JSON to get the zip, so everything is accepted.
 */
export function keyAttestationRequest(key: KeyReference, timeoutMs: number): TsbRequest {
  return {
    call: 'key-attestation', method: 'POST', path: '/v1/key/keyAttestation', timeoutMs, accept: 'application/json, */*;q=0.5',
    // The checks stop at 4 MiB unpacked; what is far larger packed is no export either.
    maxBytes: 4_194_304,
    body: { label: key.label, ...(key.password !== undefined && { password: key.password }) },
  }
}

/** @throws TsbError `tsb-invalid-response` where the bytes don't begin like a zip; a bad zip goes to the checks */
export function readKeyAttestationAnswer(answer: TsbAnswer): Uint8Array {
  if (!answer.body.subarray(0, 4).equals(ZIP_SIGNATURE)) {
    throw new TsbError('key-attestation', 'tsb-invalid-response', `the TSB answered key-attestation with ${answer.status} and no zip`, {
      effect: 'unknown', upstream: { status: answer.status },
    })
  }
  return answer.body
}
