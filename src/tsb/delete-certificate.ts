import type { TsbRequest } from './http.ts'

/** `DELETE /v1/certificate/{label}`: the CSR call may have left a self-signed certificate (contract, section 8.5). Best effort. */
export function deleteCertificateRequest(label: string, timeoutMs: number): TsbRequest {
  return {
    call: 'delete-certificate', method: 'DELETE', path: `/v1/certificate/${encodeURIComponent(label)}`, template: '/v1/certificate/{label}', timeoutMs, maxBytes: 65_536,
  }
}
