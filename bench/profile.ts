import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cpuMs } from './process-usage.ts'
import { sqliteStore } from './systems.ts'
import { startCallers, startService, type Upstream } from './workers.ts'

/** What V8 writes with `--cpu-prof`, as far as it is read here (Chrome DevTools Protocol, Profiler.Profile). */
interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly functionName: string; readonly url: string }; readonly children?: readonly number[] }[]
  /** Microseconds. */
  readonly startTime: number
  readonly endTime: number
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** Something that takes time, and how much: milliseconds a bundle of the service's main thread. */
export interface Share {
  readonly name: string
  readonly ms: number
}

/** Where the time of (b) goes; each list has the largest first. */
export interface Profile {
  readonly callers: number
  readonly bundles: number
  readonly bundlesPerSecond: number
  /** Of all threads, the profiler's own part too. */
  readonly cpuMsPerBundle: number
  readonly purposes: readonly Share[]
  /** What packages and Node do is its callers'. */
  readonly folders: readonly Share[]
  readonly places: readonly Share[]
  readonly functions: readonly Share[]
  readonly owners: readonly Share[]
}

const CALLERS = 64
const WARM_UP_MS = 10_000
const MEASURED_MS = 15_000
export const PROFILE_MS = WARM_UP_MS + MEASURED_MS

/**
 * Profiles (b) at 64 callers, warm.
 * @param folder for the journal, the log and what V8 writes
 */
export async function profile(upstream: Upstream, folder: string): Promise<Profile> {
  const home = mkdtempSync(join(folder, 'profile-'))
  try {
    const begin = performance.now()
    const service = await startService({
      upstream, home, name: 'profiled', journalUrl: await sqliteStore(home).newJournal(), nodeArgs: ['--cpu-prof', `--cpu-prof-dir=${home}`, '--cpu-prof-interval=500'],
    })
    const callers = await startCallers('service', service.url, upstream.keySize)
    const load = { callers: CALLERS, spreadMs: 0 }
    await callers.run({ ...load, durationMs: WARM_UP_MS })
    const [from, cpuBefore] = [performance.now() - begin, cpuMs(service.pid)]
    const { bundles, bundlesPerSecond } = await callers.run({ ...load, durationMs: MEASURED_MS })
    const [until, cpu] = [performance.now() - begin, cpuMs(service.pid) - cpuBefore]
    for (const worker of [callers, service]) await worker.stop()
    const file = readdirSync(home).find((name) => name.endsWith('.cpuprofile'))
    if (file === undefined) throw new Error('Node wrote no profile')
    const read = JSON.parse(readFileSync(join(home, file), 'utf8')) as CpuProfile
    return { callers: CALLERS, bundles, bundlesPerSecond, cpuMsPerBundle: cpu / bundles, ...sharesOf(read, from, until, bundles) }
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

/** A function's name and where it is: a package's name, a file of ours, or a module of Node's. */
interface Frame {
  readonly name: string
  readonly place: string
}

function sharesOf({ nodes, startTime, samples, timeDeltas }: CpuProfile, fromMs: number, untilMs: number, bundles: number): Pick<Profile, 'purposes' | 'folders' | 'places' | 'functions' | 'owners'> {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)))
  const stackOf = (id: number): Frame[] => {
    const stack: Frame[] = []
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const { functionName, url } = byId.get(at)!.callFrame
      stack.push({ name: functionName || '(anonymous)', place: placeOf(url) })
    }
    return stack
  }
  const times = { purposes: new Map<string, number>(), folders: new Map<string, number>(), places: new Map<string, number>(), functions: new Map<string, number>(), owners: new Map<string, number>() }
  const stacks = new Map<number, ReturnType<typeof namesOf>>()
  let at = startTime
  samples.forEach((id, index) => {
    const delta = timeDeltas[index] ?? 0
    at += delta
    const sinceStart = (at - startTime) / 1_000
    if (sinceStart < fromMs || sinceStart > untilMs) return
    const names = stacks.get(id) ?? namesOf(stackOf(id))
    stacks.set(id, names)
    if (names === undefined) return
    for (const [kind, name] of Object.entries(names) as [keyof typeof times, string][]) times[kind].set(name, (times[kind].get(name) ?? 0) + delta / 1_000)
  })
  const sorted = (of: ReadonlyMap<string, number>): Share[] => [...of].map(([name, ms]) => ({ name, ms: ms / bundles })).sort((one, other) => other.ms - one.ms)
  return { purposes: sorted(times.purposes), folders: sorted(times.folders), places: sorted(times.places), functions: sorted(times.functions), owners: sorted(times.owners) }
}

/** @param stack the innermost first @returns by which names a sample is counted; undefined where nothing was done */
function namesOf(stack: readonly Frame[]): Record<'purposes' | 'folders' | 'places' | 'functions' | 'owners', string> | undefined {
  const [{ name, place } = { name: '', place: '' }] = stack
  if (name === '(idle)') return undefined
  const owner = ownerOf(stack)
  return {
    purposes: purposeOf(stack), places: place === '' ? name : place, functions: `${name}  ${place}`.trim(), owners: owner, folders: /src\/[^/]+/.exec(owner)?.[0] ?? owner,
  }
}

const ROOT = new URL('..', import.meta.url).href

function placeOf(url: string): string {
  const [, module] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? []
  if (module !== undefined) return module
  return url.startsWith(ROOT) ? fileURLToPath(url).slice(fileURLToPath(ROOT).length) : url
}

/** The nearest caller that is ours; else what the bottom of the stack is. */
function ownerOf(stack: readonly Frame[]): string {
  const ours = stack.find(({ place }) => place.startsWith('src/'))
  if (ours !== undefined) return `${ours.name}  ${ours.place}`
  const outermost = stack.findLast(({ name }) => name !== '(root)')
  return outermost === undefined ? '(root)' : outermost.place === '' ? outermost.name : `(none of ours) ${outermost.place}`
}

/** What work is for, by the innermost frame that says so. */
const PURPOSES: readonly (readonly [purpose: string, places: RegExp])[] = [
  ['the journal', /^(?:src\/journal|kysely|pg)/],
  ['verification', /^src\/(?:evidence|profiles)/],
  ['report, manifest and zip', /^(?:src\/bundle|src\/html|jszip)/],
  ['calls to the TSB', /^(?:src\/tsb|undici)/],
  ['log, metrics and spans', /^(?:src\/observability|pino|sonic-boom|prom-client)/],
]

function purposeOf(stack: readonly Frame[]): string {
  if (stack[0]?.name === '(garbage collector)') return 'garbage collection'
  for (const { place } of stack) {
    const [purpose] = PURPOSES.find(([, places]) => places.test(place)) ?? []
    if (purpose !== undefined) return purpose
  }
  return 'the HTTP server, the flow, and what cannot be told'
}

/** @returns tables for a person */
export function profileText({ callers, bundles, bundlesPerSecond, cpuMsPerBundle, purposes, folders, places, functions, owners }: Profile): string {
  return [
    `${bundles} bundles at ${callers} callers, ${bundlesPerSecond.toFixed(0)}/s, CPU ${cpuMsPerBundle.toFixed(2)} ms a bundle (all threads, the profiler's own part too)`,
    table('By what it is for', purposes), table("By the folder of src/ that asked for it: what packages and Node do is its callers'", folders),
    table('Self time by package or file', places), table('Self time by function', functions), table('By the function of src/ that asked for it', owners),
  ].join('\n\n')
}

function table(title: string, shares: readonly Share[]): string {
  const total = totalMs(shares)
  const rows = shares.slice(0, 25).map(({ name, ms }) => `${ms.toFixed(3).padStart(8)} ${(ms / total * 100).toFixed(1).padStart(5)} %  ${name}`)
  return [`${title} (ms a bundle, ${total.toFixed(2)} in all)`, ...rows].join('\n')
}

/** Milliseconds a bundle that all shares of a list take together. */
export const totalMs = (shares: readonly Share[]): number => shares.reduce((sum, { ms }) => sum + ms, 0)
