import { hash } from 'node:crypto'

/** More certificates and keys than one TSB's exports have: leaf, device, root, and those of a few bundles at a time. */
const MOST = 64

/**
 * Remembers what a pure function gave for the last inputs. The certificates of a partition are the same in every export, and what their bytes
 * say and whose signature they carry does not change; what depends on time or on trust is judged anew each time.
 * @param keyOf a text that differs for inputs that differ
 * @param compute depends on its input alone; what it gives is never changed
 */
export function remembered<A extends readonly unknown[], T>(keyOf: (...input: A) => string, compute: (...input: A) => T): (...input: A) => T {
  const known = new Map<string, T>()
  return (...input) => {
    const key = keyOf(...input)
    const value = known.has(key) ? known.get(key) as T : compute(...input)
    // To the end with it, so that the one goes which was not asked for longest: every bundle brings a new key, and the same device.
    known.delete(key)
    known.set(key, value)
    if (known.size > MOST) known.delete(known.keys().next().value!)
    return value
  }
}

/** SHA-256 of the bytes, as a key of `remembered`. */
export const digestOf = (bytes: Uint8Array): string => hash('sha256', bytes, 'base64')
