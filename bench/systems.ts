import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import pg from 'pg'
import { startServer } from '../test/support/postgres-server.ts'
import { getPrograms } from '../test/support/postgres-programs.ts'
import { startContainer, type Image } from './container.ts'
import type { LoadResult } from './load.ts'
import { cpuMs, endedChildrenCpuMs, familyCpuMs, memoryOf, parentOf, resetPeak } from './process-usage.ts'
import { startByHand, startCallers, startService, type Callers, type Upstream } from './workers.ts'

export const SYSTEMS = {
  a: 'three bare calls', b: 'service, SQLite', c: 'service, PostgreSQL', d: 'by hand',
} as const
export type SystemId = keyof typeof SYSTEMS

/** One load on one system, and what it took. */
export interface Measurement extends Omit<LoadResult, 'latenciesMs'> {
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly cpuMsPerBundle: number
  /** Of the PostgreSQL server alone; part of `cpuMsPerBundle`. */
  readonly serverCpuMsPerBundle?: number
  readonly upstreamCpuMsPerBundle: number
  readonly peakMb?: number
  readonly residentMb?: number
  readonly loopDelayMs?: number
}

export interface System {
  readonly id: SystemId
  measure(load: { readonly callers: number; readonly durationMs: number; readonly delayMs: number; readonly each?: number }): Promise<Measurement>
  stop(): Promise<void>
}

/** What a system is made of, for `measured`. */
interface Parts {
  readonly id: SystemId
  readonly upstream: Upstream
  readonly callers: Callers
  /** CPU time of the system so far. */
  cpu(): number
  serverCpu?(): number
  /** The process whose memory counts. */
  readonly memory?: number
  loopDelay?(): Promise<number>
}

/** The value below which that part of the sorted ones lies. */
export const percentile = (sorted: readonly number[], part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN

function measured({ id, upstream, callers, cpu, serverCpu, memory, loopDelay }: Parts): Omit<System, 'stop'> {
  return {
    id,
    async measure({ delayMs, ...load }) {
      await upstream.delay(delayMs)
      await loopDelay?.()
      if (memory !== undefined) resetPeak(memory)
      const before = { cpu: cpu(), server: serverCpu?.() ?? 0, upstream: cpuMs(upstream.pid) }
      const { latenciesMs, bundles, bundlesPerSecond } = await callers.run({ ...load, spreadMs: delayMs })
      const cpuOf = (now: number, then: number): number => (now - then) / bundles
      return {
        bundles, bundlesPerSecond,
        p50Ms: percentile(latenciesMs, 0.5), p95Ms: percentile(latenciesMs, 0.95), p99Ms: percentile(latenciesMs, 0.99),
        cpuMsPerBundle: cpuOf(cpu(), before.cpu),
        ...(serverCpu && { serverCpuMsPerBundle: cpuOf(serverCpu(), before.server) }),
        upstreamCpuMsPerBundle: cpuOf(cpuMs(upstream.pid), before.upstream),
        ...(memory !== undefined && memoryOf(memory)),
        ...(loopDelay && { loopDelayMs: await loopDelay() }),
      }
    },
  }
}

/** (a): three calls of the TSB, one after the other, and nothing else. The callers are the system. */
export async function startBare(upstream: Upstream): Promise<System> {
  const callers = await startCallers('bare', upstream.url, upstream.keySize)
  return { ...measured({ id: 'a', upstream, callers, cpu: () => cpuMs(callers.pid), memory: callers.pid }), stop: () => callers.stop() }
}

/**
 * (d): a shell, curl, openssl and zip for each bundle. Their CPU time counts once they have ended.
 * @throws Error that names the programs that are missing
 */
export async function startShell(upstream: Upstream, home: string): Promise<System> {
  const missing = ['curl', 'unzip', 'openssl', 'zip'].filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0)
  if (missing.length > 0) throw new Error(`By hand, a bundle needs ${missing.join(', ')} (Debian: apt-get install -y ${missing.join(' ')}); --systems a,b,c does without.`)
  const callers = await startByHand(upstream, home)
  return { ...measured({ id: 'd', upstream, callers, cpu: () => endedChildrenCpuMs(callers.pid) }), stop: () => callers.stop() }
}

/** Where a journal is. */
export interface Store {
  readonly id: 'b' | 'c'
  newJournal(): Promise<string>
  /** CPU time of the database's own processes. */
  cpu?(): number
  /** What the database says of its version. */
  readonly version?: string
  stop(): Promise<void>
}

/** Journals in files of a folder. */
export const sqliteStore = (home: string): Store => ({
  id: 'b', newJournal: async () => `file:${join(home, `${randomUUID()}.sqlite`)}`, async stop() { /* nothing runs */ },
})

/**
 * A PostgreSQL server as Debian's package sets it up: with fsync, because durability is what is measured.
 * @throws Error where its programs are missing and cannot be installed
 */
export async function postgresStore(): Promise<Store> {
  const server = await startServer(await getPrograms(), [])
  const { postmaster, version } = await asked(server.url, async (client) => {
    const { rows: [row] } = await client.query<{ pid: number; version: string }>("select pg_backend_pid() as pid, current_setting('server_version') as version")
    return { postmaster: parentOf(row!.pid), version: row!.version }
  })
  return {
    id: 'c', version, cpu: () => familyCpuMs(postmaster), stop: () => server.stop(),
    async newJournal() {
      const name = `journal_${randomUUID().replaceAll('-', '')}`
      await asked(server.url, (client) => client.query(`create database ${name}`))
      return Object.assign(new URL(server.url), { pathname: name }).href
    },
  }
}

/** Asks a PostgreSQL server on a connection of its own. */
export async function asked<T>(url: string, question: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url)
  await client.connect()
  return question(client).finally(() => client.end())
}

/**
 * (b) and (c): the service, in front of a journal.
 * @param image as a container of it; by default as a process
 */
export async function startWithJournal(store: Store, upstream: Upstream, home: string, journalUrl: string, image?: Image): Promise<System & { readonly pid: number; readonly url: string }> {
  const options = { upstream, home, name: `${store.id}-${randomUUID()}`, journalUrl }
  const service = await (image === undefined ? startService(options) : startContainer(image, options))
  const callers = await startCallers('service', service.url, upstream.keySize)
  const serverCpu = store.cpu?.bind(store)
  return {
    ...measured({
      id: store.id, upstream, callers, memory: service.pid, ...(serverCpu && { serverCpu }), cpu: () => cpuMs(service.pid) + (serverCpu?.() ?? 0),
      loopDelay: async () => (await service.watch()).loopDelayMs,
    }),
    pid: service.pid, url: service.url,
    async stop() {
      await callers.stop()
      await service.stop()
    },
  }
}
