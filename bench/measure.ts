import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reap } from '../test/support/reaper.ts'
import { buildImage, LIMIT_BYTES, type Image, type ImageSize } from './container.ts'
import { fillJournal } from './fill-journal.ts'
import { describeMachine, loadBefore, type Machine } from './machine.ts'
import { PLANNED, SOAK, type Plan } from './plan.ts'
import { profile, PROFILE_MS, type Profile } from './profile.ts'
import type { Progress } from './progress.ts'
import { soak, type Soak } from './soak.ts'
import { measureStartUp, type StartUp } from './start-up.ts'
import type { Cell } from './statistics.ts'
import { postgresStore, sqliteStore, startBare, startShell, startWithJournal, SYSTEMS, type Measurement, type Store, type System, type SystemId } from './systems.ts'
import { startUpstream, type Upstream } from './workers.ts'

/** All that a run found out; `--json` prints it, and the report is made of it. */
export interface Results {
  readonly at: string
  readonly machine: Machine
  readonly loadBefore: number
  readonly minutes: number
  readonly plan: Plan
  readonly cells: readonly Cell[]
  readonly delays: readonly Cell[]
  /** With services that had done nothing before. */
  readonly inFlight: readonly Cell[]
  /** In a container with so much memory, in bytes; undefined: as a process that may have all of it. */
  readonly inFlightLimit?: number
  readonly growth: readonly Cell[]
  readonly startUp?: { readonly plain: StartUp; readonly cached: StartUp }
  readonly image?: ImageSize
  readonly soak?: Soak
  readonly profile?: Profile
}

interface Bench {
  readonly plan: Plan
  readonly progress: Progress
  readonly upstream: Upstream
  readonly home: string
  readonly stores: readonly Store[]
}

/** Runs a plan from its beginning to its end, one thing at a time: whatever else ran beside would be measured too. */
export async function measure(plan: Plan, progress: Progress): Promise<Results> {
  const begin = performance.now()
  const load = loadBefore()
  const home = mkdtempSync(join(tmpdir(), 'bench-'))
  const forget = reap({ folder: home })
  const stores: Store[] = []
  progress.part('Starting')
  const upstream = await progress.step('keys and evidence', PLANNED.prepareMs, () => startUpstream(plan.size))
  try {
    if (plan.systems.includes('b')) stores.push(sqliteStore(home))
    if (plan.systems.includes('c')) stores.push(await postgresStore())
    const bench: Bench = { plan, progress, upstream, home, stores }
    const machine = describeMachine(stores.find(({ version }) => version !== undefined)?.version)
    const startUp = await measureStarts(bench)
    const { cells, delays } = await measureLoads(bench)
    const image = plan.image ? await progress.step('image', PLANNED.imageMs, async () => buildImage()) : undefined
    const inFlight = await measureInFlight(bench, image).finally(() => image?.remove())
    const growth = await measureGrowth(bench)
    const profiled = plan.profile ? await measureProfile(bench) : undefined
    const soaked = await measureSoak(bench)
    return {
      at: new Date().toISOString(), machine, loadBefore: load, plan, cells, delays, inFlight, growth, minutes: (performance.now() - begin) / 60_000,
      ...(startUp && { startUp }), ...(image && { image: image.size, inFlightLimit: LIMIT_BYTES }), ...(soaked && { soak: soaked }), ...(profiled && { profile: profiled }),
    }
  } finally {
    await upstream.stop()
    for (const store of stores) await store.stop()
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
    forget()
  }
}

async function measureStarts({ plan, progress, upstream, home }: Bench): Promise<Results['startUp']> {
  if (plan.startUps === 0) return undefined
  progress.part('Start-up')
  const start = (name: string, cached: boolean): Promise<StartUp> => progress.step(name, PLANNED.startUpMs * (plan.startUps + 1),
    () => measureStartUp(upstream, home, plan.startUps, cached), ({ ms, cpuMs }) => `${Math.round(ms)} ms, ${Math.round(cpuMs)} ms of CPU`)
  return { plain: await start('npm start', false), cached: await start('with a compile cache, as in the image', true) }
}

const started = async ({ stores, upstream, home, plan }: Bench): Promise<System[]> => {
  const systems: System[] = [await startBare(upstream)]
  for (const store of stores) systems.push(await startWithJournal(store, upstream, home, await store.newJournal()))
  if (plan.systems.includes('d')) systems.push(await startShell(upstream, home))
  return systems
}

/** Rounds of all systems at all numbers of callers, without a delay and with one. */
async function measureLoads(bench: Bench): Promise<{ cells: Cell[]; delays: Cell[] }> {
  const { plan, progress } = bench
  const [cells, delays]: [Cell[], Cell[]] = [[], []]
  const systems = await started(bench)
  try {
    if (plan.warmUpMs > 0) progress.part('Warming up')
    for (const system of plan.warmUpMs === 0 ? [] : systems.filter(({ id }) => id !== 'd')) await run(bench, system, { callers: 16, durationMs: plan.warmUpMs, delayMs: 0, round: 0 })
    for (let round = 1; round <= plan.rounds; round += 1) {
      progress.part(`Round ${round} of ${plan.rounds}`)
      for (const callers of plan.callers) {
        for (const system of systems) cells.push(await run(bench, system, { callers, durationMs: plan.durationMs, delayMs: 0, round }))
      }
      for (const { delayMs, durationMs, callers: numbers } of plan.delays) {
        for (const callers of numbers) {
          for (const system of systems.filter(({ id }) => id !== 'd')) delays.push(await run(bench, system, { callers, durationMs, delayMs, round }))
        }
      }
    }
    return { cells, delays }
  } finally {
    for (const system of systems) await system.stop()
  }
}

/** Memory of a process only grows, so the rounds, where there was no delay before, cannot tell what a slow TSB costs. */
async function measureInFlight(bench: Bench, image: Image | undefined): Promise<Cell[]> {
  const { plan: { inFlight }, progress, stores, upstream, home } = bench
  if (inFlight === undefined) return []
  progress.part('Many in flight, from the start')
  const cells: Cell[] = []
  for (const store of stores) {
    const system = await progress.step(`${nameOf(store.id)}: starting`, PLANNED.startUpMs, async () => startWithJournal(store, upstream, home, await store.newJournal(), image))
    cells.push(await run(bench, system, { ...inFlight, round: 1 }).finally(() => system.stop()))
  }
  return cells
}

/** Services whose journals hold more and more rows, side by side, so that they meet the same machine. */
async function measureGrowth(bench: Bench): Promise<Cell[]> {
  const { plan, progress } = bench
  const cells: Cell[] = []
  const grown: { rows: number; system: System }[] = []
  if (plan.rows.length > 0) progress.part('A journal that grows')
  try {
    for (const store of bench.stores) {
      for (const rows of plan.rows) {
        const system = await progress.step(`${nameOf(store.id)}: ${rows.toLocaleString('en')} rows`, PLANNED.fillMs(rows), () => startGrown(bench, store, rows))
        grown.push({ rows, system })
      }
    }
    for (const { rows, system } of grown) await run(bench, system, { callers: 16, durationMs: plan.warmUpMs / 2, delayMs: 0, rows, round: 0 })
    for (let round = 1; round <= plan.growthRounds; round += 1) {
      for (const { rows, system } of grown) cells.push(await run(bench, system, { callers: plan.growthCallers, durationMs: plan.durationMs, delayMs: 0, rows, round }))
    }
    return cells
  } finally {
    for (const { system } of grown) await system.stop()
  }
}

/** Has the service itself make the tables and one row, and copies that row. */
async function startGrown({ upstream, home }: Bench, store: Store, rows: number): Promise<System> {
  const journalUrl = await store.newJournal()
  const first = await startWithJournal(store, upstream, home, journalUrl)
  await first.measure({ callers: 1, durationMs: 60_000, delayMs: 0, each: 1 })
  await first.stop()
  await fillJournal(journalUrl, rows)
  return startWithJournal(store, upstream, home, journalUrl)
}

async function measureProfile({ progress, upstream, home }: Bench): Promise<Profile> {
  progress.part('Profile')
  return progress.step('service, SQLite, 64 callers', PROFILE_MS + PLANNED.startUpMs, () => profile(upstream, home), ({ cpuMsPerBundle }) => `CPU ${cpuMsPerBundle.toFixed(2)} ms`)
}

async function measureSoak({ plan, progress, upstream, home, stores: [store] }: Bench): Promise<Soak | undefined> {
  if (plan.soakSeconds === 0 || store === undefined) return undefined
  progress.part(`Soak of ${Math.round(plan.soakSeconds / 60)} minutes`)
  return progress.step(`${nameOf(store.id)}, ${SOAK.callers} callers`, plan.soakSeconds * 1_000,
    async () => soak(upstream, home, await store.newJournal(), plan.soakSeconds, SOAK), ({ bundles, samples }) => `${bundles} bundles, ${Math.round(samples.at(-1)?.residentMb ?? 0)} MB at the end`)
}

const nameOf = (id: SystemId): string => SYSTEMS[id]

async function run({ plan, progress }: Bench, system: System, load: Pick<Cell, 'callers' | 'delayMs' | 'round' | 'rows'> & { readonly durationMs: number }): Promise<Cell> {
  const { durationMs, ...where } = load
  const name = [nameOf(system.id), `${load.callers} caller${load.callers === 1 ? '' : 's'}`, ...(load.delayMs > 0 ? [`${load.delayMs} ms`] : []), ...(load.rows === undefined ? [] : [`${load.rows.toLocaleString('en')} rows`])].join(', ')
  const ask = { callers: load.callers, durationMs, delayMs: load.delayMs, ...(plan.each !== undefined && { each: plan.each }) }
  const measurement = await progress.step(name, PLANNED.loadMs(durationMs, load.delayMs, system.id, load.callers), () => system.measure(ask), inShort)
  return { ...measurement, ...where, system: system.id }
}

const inShort = ({ bundlesPerSecond, p50Ms, p99Ms, cpuMsPerBundle }: Measurement): string =>
  `${bundlesPerSecond.toFixed(bundlesPerSecond < 10 ? 1 : 0).padStart(5)}/s  p50 ${p50Ms.toFixed(1)} ms  p99 ${p99Ms.toFixed(1)} ms  CPU ${cpuMsPerBundle.toFixed(2)} ms`

