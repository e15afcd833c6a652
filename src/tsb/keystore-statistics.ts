import type { TsbAnswer, TsbRequest } from './http.ts'
import { parseJson, TsbError } from './tsb-error.ts'

/** What stands in a partition, by the TSB's own words with hyphens in them. */
export const OBJECT_KINDS = ['private-keys', 'public-keys', 'secret-keys', 'certificates', 'data-objects', 'invalidated-keys'] as const
export type ObjectKind = typeof OBJECT_KINDS[number]

/** How full the partition is; what the TSB did not say is left out. */
export interface KeystoreStatistics {
  readonly objects: Readonly<Partial<Record<ObjectKind, number>>>
  readonly usedBytes?: number
  readonly sizeBytes?: number
}

/** `GET /v1/keystore/statistics`. Unlike the version it is asked of the HSM itself (contract, section 1, row 18). */
export function keystoreStatisticsRequest(timeoutMs: number): TsbRequest {
  return { call: 'keystore-statistics', method: 'GET', path: '/v1/keystore/statistics', timeoutMs, maxBytes: 65_536 }
}

/**
 * Reads the one line of text inside JSON: `user X, private keys 1, …, used size 4868 bytes, max size 1048576 bytes`.
 * @throws TsbError where it holds no number that is known here
 */
export function readKeystoreStatisticsAnswer(answer: TsbAnswer): KeystoreStatistics {
  const value = parseJson(answer.body)
  const text = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)['keyStoreStatistics'] : undefined
  const numbers = new Map(typeof text === 'string' ? text.split(',').flatMap(readEntry) : [])
  const objects = Object.fromEntries(OBJECT_KINDS.flatMap((kind) => {
    const count = numbers.get(kind.replace('-', ' '))
    return count === undefined ? [] : [[kind, count]]
  }))
  const [usedBytes, sizeBytes] = [numbers.get('used size'), numbers.get('max size')]
  if (Object.keys(objects).length === 0 && usedBytes === undefined && sizeBytes === undefined) {
    throw new TsbError('keystore-statistics', 'tsb-invalid-response', 'the TSB gives no statistics of the keystore', { effect: 'unknown', upstream: { status: answer.status } })
  }
  return { objects, ...(usedBytes !== undefined && { usedBytes }), ...(sizeBytes !== undefined && { sizeBytes }) }
}

function readEntry(entry: string): [string, number][] {
  const match = /^([a-z ]{1,40}) (\d{1,15})(?: bytes)?$/.exec(entry.trim())
  return match === null ? [] : [[match[1]!, Number(match[2])]]
}
