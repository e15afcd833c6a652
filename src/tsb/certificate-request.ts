import type { SubjectField } from '../evidence/evidence.ts'
import type { TsbAnswer, TsbRequest } from './http.ts'
import { parseJson, TsbError } from './tsb-error.ts'

export interface CertificateRequestBody {
  readonly signKeyName: string
  readonly keyPassword?: readonly string[]
  readonly signatureAlgorithm: string
  /** Days; the TSB wants it, though a PKCS#10 has no validity. */
  readonly validity: number
  readonly standardCertificateAttributes: Readonly<Partial<Record<SubjectField, string>>>
  /** Left out where empty. */
  readonly keyUsage?: readonly string[]
  readonly extendedKeyUsage?: readonly string[]
}

/**
 * `POST /v1/certificate/synchronous/request`, the JSON form: the seed's download form gives the same PEM, but its media type and its
 * support for EC keys are not documented (contract, section 5.2). May leave a self-signed certificate at the key, and raises its use count.
 */
export function certificateRequestRequest(body: CertificateRequestBody, timeoutMs: number): TsbRequest {
  return {
    call: 'certificate-request', method: 'POST', path: '/v1/certificate/synchronous/request', body: { ...body }, timeoutMs, maxBytes: 262_144,
  }
}

/**
 * Finds the PEM text: `certificateSigningRequest`, in other TSB versions `csr` or the raw body (contract, section 5.4).
 * Whether it is a good PKCS#10 is for the checks to say; what holds no PEM at all is no TSB answer.
 * @throws TsbError `tsb-invalid-response`
 */
export function readCertificateRequestAnswer(answer: TsbAnswer): string {
  const value = parseJson(answer.body)
  const member = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  const pem = [member['certificateSigningRequest'], member['csr'], value === undefined ? answer.body.toString('utf8') : undefined]
    .find((candidate): candidate is string => typeof candidate === 'string' && candidate.trimStart().startsWith('-----BEGIN '))
  if (pem === undefined) {
    throw new TsbError('certificate-request', 'tsb-invalid-response', `the TSB answered certificate-request with ${answer.status} and no PEM`, {
      effect: 'unknown', upstream: { status: answer.status },
    })
  }
  return pem
}
