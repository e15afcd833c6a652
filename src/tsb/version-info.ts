import type { TsbAnswer, TsbRequest } from './http.ts'
import { parseJson, TsbError } from './tsb-error.ts'

export interface VersionInfo {
  /** As the TSB writes it, e.g. `2.5.1` or `1.17.1.20231211T114600`. */
  readonly text: string
  readonly numbers: readonly [number, number, number]
}

/** `GET /v1/versionInfo`. */
export function versionInfoRequest(timeoutMs: number): TsbRequest {
  return { call: 'version-info', method: 'GET', path: '/v1/versionInfo', timeoutMs, maxBytes: 65_536 }
}

/** @throws TsbError where the answer names no version of at least two numbers (`{"Version":"2.5.1"}`) */
export function readVersionInfoAnswer(answer: TsbAnswer): VersionInfo {
  const value = parseJson(answer.body)
  const text = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)['Version'] : undefined
  const match = typeof text === 'string' ? /^(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?(?![\d])/.exec(text) : null
  if (match === null) {
    throw new TsbError('version-info', 'tsb-invalid-response', 'the TSB names no version', { effect: 'unknown', upstream: { status: answer.status } })
  }
  return { text: match.input.slice(0, 60), numbers: [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] }
}

/** @returns a negative number where `version` is older than `other`, zero where equal, positive where newer */
export function compareVersions(version: VersionInfo, other: readonly [number, number, number]): number {
  const [a, b, c] = version.numbers
  return a - other[0] || b - other[1] || c - other[2]
}
