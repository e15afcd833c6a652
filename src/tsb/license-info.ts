import { parseJson, TsbError } from './tsb-error.ts'
import type { TsbAnswer, TsbRequest } from './http.ts'

/** `GET /v1/licenseInfo`. Reads only. */
export function licenseInfoRequest(timeoutMs: number): TsbRequest {
  return { call: 'license-info', method: 'GET', path: '/v1/licenseInfo', timeoutMs, maxBytes: 65_536 }
}

/**
 * Reads the flags of the licence (contract, section 1): `REST_API` is what keys and these calls need, `TSB_ENGINE` and `KEY_AUTH` are for
 * keys with approvals. Others exist.
 * @throws TsbError where the answer has no list of flags
 */
export function readLicenseInfoAnswer(answer: TsbAnswer): readonly string[] {
  const value = parseJson(answer.body)
  const flags = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)['clientFlags'] : undefined
  if (!Array.isArray(flags) || !flags.every((flag): flag is string => typeof flag === 'string')) {
    throw new TsbError('license-info', 'tsb-invalid-response', 'the TSB names no licence flags', { effect: 'unknown', upstream: { status: answer.status } })
  }
  return flags
}
