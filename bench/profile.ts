import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cpuMs } from './process-usage.ts'
import { sqliteStore } from './systems.ts'
import { startCallers, startService, startUpstream } from './workers.ts'

/** What V8 writes with `--cpu-prof`, as far as it is read here (Chrome DevTools Protocol, Profiler.Profile). */
interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly functionName: string; readonly url: string }; readonly children?: readonly number[] }[]
  /** Microseconds. */
  readonly startTime: number
  readonly endTime: number
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const CALLERS = 64
const WARM_UP_MS = 10_000
const MEASURED_MS = 15_000

/**
 * Profiles (b) at 64 callers, warm, and says where its time went.
 * @param say is told of the progress
 * @returns tables for a person, in milliseconds per bundle
 */
export async function profile(say: (line: string) => void): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'bench-profile-'))
  try {
    say('starting')
    const upstream = await startUpstream('vendor')
    const begin = performance.now()
    const service = await startService({
      upstream, home, name: 'profiled', journalUrl: await sqliteStore(home).newJournal(), nodeArgs: ['--cpu-prof', `--cpu-prof-dir=${home}`, '--cpu-prof-interval=500'],
    })
    const callers = await startCallers('service', service.url, upstream.keySize)
    const load = { callers: CALLERS, spreadMs: 0 }
    await callers.run({ ...load, durationMs: WARM_UP_MS })
    say('warm; measuring')
    const [from, cpuBefore] = [performance.now() - begin, cpuMs(service.pid)]
    const { bundles, bundlesPerSecond } = await callers.run({ ...load, durationMs: MEASURED_MS })
    const [until, cpu] = [performance.now() - begin, cpuMs(service.pid) - cpuBefore]
    for (const worker of [callers, service, upstream]) await worker.stop()
    const file = readdirSync(home).find((name) => name.endsWith('.cpuprofile'))
    if (file === undefined) throw new Error('Node wrote no profile')
    const head = `${bundles} bundles at ${CALLERS} callers, ${bundlesPerSecond.toFixed(0)}/s, CPU ${(cpu / bundles).toFixed(2)} ms a bundle (all threads, the profiler's own part too)`
    return `${head}\n\n${tables(JSON.parse(readFileSync(join(home, file), 'utf8')) as Profile, from, until, bundles)}`
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

/** Milliseconds by name. */
type Times = Map<string, number>
const add = (times: Times, name: string, ms: number): void => { times.set(name, (times.get(name) ?? 0) + ms) }

function tables({ nodes, startTime, samples, timeDeltas }: Profile, fromMs: number, untilMs: number, bundles: number): string {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)))
  const [places, functions, owners, folders]: Times[] = [new Map(), new Map(), new Map(), new Map()]
  let at = startTime
  samples.forEach((id, index) => {
    const delta = timeDeltas[index] ?? 0
    at += delta
    const sinceStart = (at - startTime) / 1_000
    const node = byId.get(id)
    if (node === undefined || sinceStart < fromMs || sinceStart > untilMs) return
    const { functionName, url } = node.callFrame
    if (functionName === '(idle)') return
    const ms = delta / 1_000
    const place = placeOf(url)
    add(places!, place === '' ? functionName : place, ms)
    add(functions!, `${functionName || '(anonymous)'}  ${place}`.trim(), ms)
    const owner = ownerOf(id, byId, parents)
    add(owners!, owner, ms)
    add(folders!, /src\/[^/]+/.exec(owner)?.[0] ?? owner, ms)
  })
  return [
    table("By the folder of src/ that asked for it: what packages and Node do is its callers'", folders!, bundles),
    table('Self time by package or file', places!, bundles), table('Self time by function', functions!, bundles),
    table('By the function of src/ that asked for it', owners!, bundles),
  ].join('\n\n')
}

const ROOT = new URL('..', import.meta.url).href

/** A package's name, a file of ours, or a module of Node's. */
function placeOf(url: string): string {
  const [, module] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? []
  if (module !== undefined) return module
  return url.startsWith(ROOT) ? fileURLToPath(url).slice(fileURLToPath(ROOT).length) : url
}

/** The nearest caller that is ours; else what the bottom of the stack is. */
function ownerOf(id: number, byId: ReadonlyMap<number, Profile['nodes'][number]>, parents: ReadonlyMap<number, number>): string {
  let outermost = ''
  for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
    const { url, functionName } = byId.get(at)!.callFrame
    const place = placeOf(url)
    if (place.startsWith('src/')) return `${functionName || '(anonymous)'}  ${place}`
    if (functionName !== '(root)') outermost = place === '' ? functionName : `(none of ours) ${place}`
  }
  return outermost
}

function table(title: string, times: Times, bundles: number): string {
  const total = [...times.values()].reduce((sum, ms) => sum + ms, 0)
  const rows = [...times].sort(([, one], [, other]) => other - one).slice(0, 25)
  return [`${title} (ms a bundle, ${(total / bundles).toFixed(2)} in all)`, ...rows.map(([name, ms]) => `${(ms / bundles).toFixed(3).padStart(8)} ${(ms / total * 100).toFixed(1).padStart(5)} %  ${name}`)].join('\n')
}
