import type { Results } from './measure.ts'
import { compared, difference, medianOf, ratio } from './statistics.ts'
import type { SystemId } from './systems.ts'

export type AimId = 'throughput' | 'cpu' | 'by-hand' | 'slow-tsb' | 'memory' | 'rows'

/** One aim and how it stands with one system. */
export interface Aim {
  readonly id: AimId
  readonly aim: string
  readonly system: SystemId
  /** As measured, with its unit. */
  readonly measured: string
  readonly met: boolean
}

/** Callers of the aims that name no other number. */
const CALLERS = 64
const MOST_CALLERS = 256
const SLOW_MS = 2_000
const MANY_ROWS = 1_000_000

/** The aims, with the figures of a run; those that it has no figures for are left out. */
export function aimsOf({ cells, delays, inFlight, growth, plan }: Results): readonly Aim[] {
  const aims: Aim[] = []
  const note = (id: AimId, aim: string, system: SystemId, value: number | undefined, show: (value: number) => string, met: (value: number) => boolean): void => {
    if (value !== undefined) aims.push({ id, aim, system, measured: show(value), met: met(value) })
  }
  const services: readonly SystemId[] = ['b', 'c']
  const each = (work: (system: SystemId) => void): void => { for (const system of services) work(system) }
  const at = (system: SystemId): { system: SystemId; callers: number } => ({ system, callers: CALLERS })

  each((system) => {
    note('throughput', 'at 64 callers and no delay at the TSB, at least half the throughput of (a)', system,
      compared(cells, at(system), at('a'), 'bundlesPerSecond', ratio), (value) => `${value.toFixed(2)} of (a)`, (value) => value >= 0.5)
  })
  each((system) => {
    note('cpu', 'there, at most 2 ms of CPU a bundle above (a)', system,
      compared(cells, at(system), at('a'), 'cpuMsPerBundle', difference), (value) => `${value.toFixed(2)} ms above`, (value) => value <= 2)
  })
  each((system) => {
    note('by-hand', 'there, at least five times the bundles per second of (d)', system,
      compared(cells, at(system), at('d'), 'bundlesPerSecond', ratio), (value) => `${value.toFixed(1)} times`, (value) => value >= 5)
  })
  for (const callers of plan.delays.find(({ delayMs }) => delayMs === SLOW_MS)?.callers ?? []) {
    const slow = (system: SystemId): { system: SystemId; callers: number; delayMs: number } => ({ system, callers, delayMs: SLOW_MS })
    each((system) => {
      note('slow-tsb', `with a TSB that takes 2,000 ms, p99 less than 1 % above that of (a); ${callers} callers`, system,
        compared(delays, slow(system), slow('a'), 'p99Ms', (one, other) => (one - other) / other * 100), (value) => `${value.toFixed(2)} % above`, (value) => value < 1)
    })
  }
  each((system) => {
    note('memory', '256 transactions in flight with that TSB, from the start, in less than 250 MB', system,
      medianOf(inFlight, { system, callers: MOST_CALLERS, delayMs: SLOW_MS }, 'peakMb'), (value) => `${value.toFixed(0)} MB`, (value) => value < 250)
  })
  each((system) => {
    note('rows', 'a million rows in the journal cost less than 5 % of the throughput', system,
      compared(growth, { system, rows: MANY_ROWS }, { system, rows: 0 }, 'bundlesPerSecond', (one, other) => (1 - one / other) * 100),
      (value) => `${value.toFixed(1)} %`, (value) => value < 5)
  })
  return aims
}
