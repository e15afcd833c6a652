import type { KeyFlags } from './attestation-xml.ts'
import type { KeyPair } from './pki.ts'
import { refusal } from './tsb-reasons.ts'

/** A key in the simulated HSM. Tests may change it in place. */
export interface StoredKey extends KeyPair {
  readonly label: string
  readonly id: string | null
  readonly password: string | undefined
  readonly created: Date
  flags: KeyFlags
  useCount: number
  /** The SKA policy as it was sent; null for a normal key. */
  readonly policy: Readonly<Record<string, unknown>> | null
  /** `imported` for a planted key that did not come into being here. */
  readonly creation: 'generated' | 'imported'
}

export interface Partition {
  readonly keys: Map<string, StoredKey>
  /** Certificate objects in DER, by label. */
  readonly certificates: Map<string, Buffer>
  /** Labels of deleted keys that Key Invalidation keeps. */
  readonly bin: Set<string>
  /** Labels whose keys are being made: taken, but not there yet. */
  readonly reserved: Set<string>
  /** The HSM's own key: listed, and otherwise out of reach (contract 1, row 2). */
  readonly systemLabel: string
}

export const emptyPartition = (systemLabel: string): Partition =>
  ({ keys: new Map(), certificates: new Map(), bin: new Set(), reserved: new Set(), systemLabel })

/** Tells whether a new key cannot have this label. */
export const isTaken = (partition: Partition, label: string): boolean =>
  label === partition.systemLabel || partition.keys.has(label) || partition.bin.has(label) || partition.reserved.has(label)

/**
 * Finds a key.
 * @throws TsbRefusal 650 when there is none, 701 for the HSM's own key.
 */
export function findKey(partition: Partition, label: string): StoredKey {
  if (label === partition.systemLabel) throw refusal(701, 'HSM error: status: PKCS#11: KEY_FUNCTION_NOT_PERMITTED')
  const key = partition.keys.get(label)
  if (key === undefined) throw refusal(650, `Key with name '${label}' does not exist.`)
  return key
}

/**
 * Finds a key and checks its password; none is as wrong as another one, and one too many is wrong too.
 * @throws TsbRefusal 650, 701 or 620.
 */
export function openKey(partition: Partition, label: string, password: string | undefined): StoredKey {
  const key = findKey(partition, label)
  if (key.password !== password) throw refusal(620, `Key password mismatch for key '${label}'.`)
  return key
}
