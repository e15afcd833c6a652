/** The HSM writes whole seconds. */
const ROUNDING_MS = 1_000

/**
 * How far the HSM's clock is off, as far as one attestation proves it: what may just as well be the time that the call took, or rounding, is 0.
 * @param attestTime when the HSM attested, by its own clock
 * @param now when the answer was there, by this service's clock, epoch milliseconds
 * @param elapsedMs how long the call took: the HSM attested within that time
 * @returns seconds; positive where the HSM's clock is ahead; undefined where the answer holds no time
 */
export function provenOffset(attestTime: unknown, now: number, elapsedMs: number): number | undefined {
  const from = typeof attestTime === 'string' ? Date.parse(attestTime) : Number.NaN
  if (Number.isNaN(from)) return undefined
  if (from > now) return (from - now) / 1000
  const behind = from + ROUNDING_MS - (now - elapsedMs)
  return behind < 0 ? behind / 1000 : 0
}
