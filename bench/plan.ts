import { PROFILE_MS } from './profile.ts'
import type { SystemId } from './systems.ts'

/** What is measured, and for how long. */
export interface Plan {
  readonly size: 'small' | 'vendor'
  readonly systems: readonly SystemId[]
  readonly rounds: number
  readonly callers: readonly number[]
  /** Of each measurement without a delay. */
  readonly durationMs: number
  /** No more than so many bundles for each caller; only a test sets it. */
  readonly each?: number
  /** Delays of create-key, with (a), (b) and (c). */
  readonly delays: readonly { readonly delayMs: number; readonly callers: readonly number[]; readonly durationMs: number }[]
  /** So many in flight for so long, each time with a service that has done nothing before: for its memory. */
  readonly inFlight?: { readonly callers: number; readonly delayMs: number; readonly durationMs: number }
  /** Rows in the journal, at `growthCallers`. */
  readonly rows: readonly number[]
  readonly growthCallers: number
  readonly growthRounds: number
  readonly startUps: number
  readonly image: boolean
  readonly profile: boolean
  readonly soakSeconds: number
  readonly warmUpMs: number
}

export const SOAK = { callers: 16, delayMs: 50 } as const

export const FULL: Plan = {
  size: 'vendor', systems: ['a', 'b', 'c', 'd'], rounds: 3, callers: [1, 16, 64, 256], durationMs: 3_500,
  delays: [{ delayMs: 50, callers: [64], durationMs: 3_500 }, { delayMs: 2_000, callers: [16, 256], durationMs: 8_000 }],
  inFlight: { callers: 256, delayMs: 2_000, durationMs: 9_000 },
  rows: [0, 10_000, 1_000_000], growthCallers: 64, growthRounds: 5, startUps: 5, image: true, profile: true, soakSeconds: 600, warmUpMs: 6_000,
}

const { inFlight: _long, ...withoutInFlight } = FULL

/** About a minute: shows the order of magnitude, and that all of it works. */
export const QUICK: Plan = {
  ...withoutInFlight, rounds: 1, durationMs: 1_200, delays: [{ delayMs: 50, callers: [16], durationMs: 1_500 }], rows: [0, 10_000], growthRounds: 1, startUps: 1, image: false, profile: false,
  soakSeconds: 0, warmUpMs: 2_000,
}

/** How long each step may take; what is not a load is estimated. */
export const PLANNED = {
  prepareMs: 9_000, startUpMs: 1_800, imageMs: 40_000,
  /** To make the model of the rows, and to write them. */
  fillMs: (rows: number): number => 3_000 + rows * 0.03,
  /** (d) with many at once takes a while to end. */
  loadMs: (durationMs: number, delayMs: number, system: SystemId, callers: number): number => durationMs + delayMs + (system === 'd' ? 30 * callers : 200),
} as const

/** @returns milliseconds that the whole plan takes, about */
export function plannedMs(plan: Plan): number {
  const { prepareMs, startUpMs, imageMs, fillMs, loadMs } = PLANNED
  const withService = plan.systems.filter((system) => system === 'b' || system === 'c')
  const withoutShell = plan.systems.filter((system) => system !== 'd')
  const sum = (values: readonly number[]): number => values.reduce((one, other) => one + other, 0)
  const warmUp = withoutShell.length * plan.warmUpMs
  const main = plan.rounds * sum(plan.callers.flatMap((callers) => plan.systems.map((system) => loadMs(plan.durationMs, 0, system, callers))))
  const delays = plan.rounds * sum(plan.delays.flatMap(({ delayMs, callers, durationMs }) => callers.flatMap(() => withoutShell.map((system) => loadMs(durationMs, delayMs, system, 0)))))
  const inFlight = plan.inFlight === undefined ? 0 : withService.length * (startUpMs + loadMs(plan.inFlight.durationMs, plan.inFlight.delayMs, 'b', 0))
  const filling = withService.length * sum(plan.rows.map(fillMs))
  const growth = withService.length * plan.rows.length * (plan.warmUpMs / 2 + plan.growthRounds * loadMs(plan.durationMs, 0, 'b', 0))
  const starts = plan.startUps === 0 ? 0 : 2 * (plan.startUps + 1) * startUpMs
  return prepareMs + warmUp + main + delays + inFlight + filling + growth + starts + (plan.image ? imageMs : 0) + (plan.profile ? PROFILE_MS + startUpMs : 0) + plan.soakSeconds * 1_000
}
