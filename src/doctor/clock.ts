import { finding, type Finding } from './diagnosis.ts'
import type { ToldTime } from './witness.ts'

export interface Offset {
  /** How many milliseconds the HSM's clock is ahead of this machine's: at least, and at most. */
  readonly from: number
  readonly to: number
}

/** Times of the HSM are whole seconds. */
const ROUNDING_MS = 1_000

/**
 * How far the HSM's clock is ahead. Each time that it told bounds the offset, by when it was asked and when it had answered; together they
 * bound it best.
 * @returns undefined where it told none
 */
export function offsetOf(times: readonly ToldTime[]): Offset | undefined {
  const bounds = times.map(({ told, between: [asked, answered] }): Offset => ({ from: told - answered, to: told + ROUNDING_MS - asked }))
  if (bounds.length === 0) return undefined
  const all = { from: Math.max(...bounds.map(({ from }) => from)), to: Math.min(...bounds.map(({ to }) => to)) }
  if (all.from <= all.to) return all
  // A clock was set between two of them: then the one that was answered fastest says most.
  return bounds.toSorted((a, b) => (a.to - a.from) - (b.to - b.from))[0]
}

/** @param allowedSeconds CLOCK_SKEW_SECONDS */
export function judgeClock(offset: Offset | undefined, allowedSeconds: number): Finding {
  const id = 'hsm.clock'
  if (offset === undefined) return finding(id, 'skipped', 'The clock of the HSM is not known: no key was made.')
  const { from, to } = offset
  const least = from <= 0 && to >= 0 ? 0 : Math.min(Math.abs(from), Math.abs(to))
  const detail = `The HSM's clock is ${sideOf(from)} to ${sideOf(to)} this machine's; ${allowedSeconds} s are allowed (CLOCK_SKEW_SECONDS).`
  const hint = 'Set the clocks of this machine and of the HSM right (NTP).'
  if (least > allowedSeconds * 1_000 + ROUNDING_MS) return finding(id, 'failed', detail, hint)
  return least > allowedSeconds * 500 ? finding(id, 'warning', detail, hint) : finding(id, 'passed', detail)
}

const sideOf = (ms: number): string => `${(Math.abs(ms) / 1_000).toFixed(1)} s ${ms < 0 ? 'behind' : 'ahead of'}`
