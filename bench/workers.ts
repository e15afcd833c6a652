import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pkg from '../package.json' with { type: 'json' }
import { reap } from '../test/support/reaper.ts'
import type { Load, LoadResult } from './load.ts'
import type { UpstreamReady } from './upstream.ts'

export interface Worker {
  readonly pid: number
  stop(): Promise<void>
}

/** Callers of some kind, in a process of their own. */
export interface Callers extends Worker {
  /** @throws Error with what the first failed bundle said */
  run(load: Load): Promise<LoadResult>
}

export interface Upstream extends Worker, UpstreamReady {
  /** What create-key takes from now on. */
  delay(delayMs: number): Promise<void>
}

export interface Service extends Worker {
  readonly url: string
  /** The 99th percentile of the event loop's delay since the last call, in milliseconds, and how many bundles were made since the start. */
  watch(): Promise<{ readonly loopDelayMs: number; readonly bundles: number }>
}

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

/** Starts what stands in the TSB's place. */
export async function startUpstream(size: 'small' | 'vendor'): Promise<Upstream> {
  const worker = forkWorker('upstream.ts', [size])
  const ready = await worker.heard<UpstreamReady>()
  return {
    ...ready, pid: worker.pid, stop: worker.stop,
    async delay(delayMs) {
      await worker.tell({ delayMs })
    },
  }
}

/** Starts callers of the bare TSB, or of the service. */
export const startCallers = (kind: 'bare' | 'service', url: string, keySize: number): Promise<Callers> => callers('caller.ts', [kind, url, String(keySize)])

/** Starts people with a shell. @param home a folder for what they write */
export const startByHand = ({ url, rootPem }: UpstreamReady, home: string): Promise<Callers> => callers('by-hand.ts', [url, rootPem, home])

async function callers(file: string, args: readonly string[]): Promise<Callers> {
  const worker = forkWorker(file, args)
  await worker.heard()
  return {
    pid: worker.pid, stop: worker.stop,
    async run(load) {
      const result = await worker.tell<LoadResult | { readonly error: string }>(load)
      if ('error' in result) throw new Error(`the bench is worth nothing, because a bundle failed: ${result.error}`)
      return result
    },
  }
}

interface Forked extends Worker {
  heard<T>(): Promise<T>
  /** Says something and waits for the answer. */
  tell<T>(message: object): Promise<T>
}

function forkWorker(file: string, args: readonly string[]): Forked {
  const child = fork(here(file), args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const { pid, stop } = watched(child, file)
  const ended = once(child, 'exit').then(() => { throw new Error(`${file} ended`) })
  ended.catch(() => undefined)
  const heard = async <T>(): Promise<T> => (await Promise.race([once(child, 'message'), ended]) as [T])[0]
  return {
    pid, heard,
    async stop() {
      // With it goes the worker, by its own hand.
      if (child.connected) child.disconnect()
      await stop()
    },
    async tell<T>(message: object) {
      const answer = heard<T>()
      child.send(message)
      return answer
    },
  }
}

function watched(child: ChildProcess, name: string): Worker {
  const { pid } = child
  if (pid === undefined) throw new Error(`${name} could not be started`)
  const forget = reap({ pid })
  const ended = once(child, 'exit').then(forget, forget)
  return {
    pid,
    async stop() {
      if (child.exitCode === null && child.signalCode === null && child.channel === undefined) child.kill()
      await ended
    },
  }
}

/** What `npm start` says behind `node`. */
const START = pkg.scripts.start.split(' ').slice(1)
export const LISTENING = /"Server listening at ([^"]+)"/
const PATIENCE_MS = 30_000

export interface ServiceOptions {
  readonly upstream: UpstreamReady
  /** A folder for log and trust anchor. */
  readonly home: string
  /** Tells the files of several services apart. */
  readonly name: string
  readonly journalUrl: string
  /** For Node, before the script. */
  readonly nodeArgs?: readonly string[]
}

/**
 * Starts the service as `npm start` does, for as many transactions at once as the bench has callers. Its log goes to a file, as it would to
 * a container's engine.
 */
export async function startService({ upstream, home, name, journalUrl, nodeArgs = [] }: ServiceOptions): Promise<Service> {
  const log = join(home, `${name}.log`)
  const output = openSync(log, 'w')
  const child = spawn(process.execPath, [...nodeArgs, ...START], {
    cwd: here('..'), stdio: ['ignore', output, output],
    env: { PATH: process.env['PATH'], ...serviceSettings(upstream, writeAnchors(upstream, home, name), journalUrl) },
  })
  closeSync(output)
  const { pid, stop } = watched(child, 'the service')
  const url = await listening(log, () => child.exitCode !== null)
  return { ...watchService(url), pid, stop, url }
}

/** Writes the root of what stands in the TSB's place. @returns the file's path */
export function writeAnchors({ rootPem }: UpstreamReady, home: string, name: string): string {
  const anchors = join(home, `${name}-root.pem`)
  writeFileSync(anchors, rootPem)
  return anchors
}

/** The settings of every service that is measured. */
export const serviceSettings = ({ url }: UpstreamReady, anchors: string, journalUrl: string): Readonly<Record<string, string>> => ({
  AUTH_MODE: 'none', PORT: '0', LOG_LEVEL: 'info', TSB_URL: url, TRUST_ANCHORS_FILE: anchors, JOURNAL_URL: journalUrl, MAX_TRANSACTIONS: '256', MAX_QUEUED: '1000',
})

/** Reads what a service says of itself. */
export function watchService(url: string): Pick<Service, 'watch'> {
  return {
    async watch() {
      const metrics = await (await fetch(`${url}/metrics`)).text()
      const delaySeconds = Number(/^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(metrics)?.[1])
      const bundles = Number(/^attestation_bundle_transactions_total\{outcome="completed"[^}]*\} (\d+)$/m.exec(metrics)?.[1] ?? 0)
      return { loopDelayMs: Math.max(0, delaySeconds * 1_000 - LOOP_RESOLUTION_MS), bundles }
    },
  }
}

/** Node measures how long a timer of 10 ms took (perf_hooks.monitorEventLoopDelay), so that a loop without any delay says 10 ms. */
const LOOP_RESOLUTION_MS = 10

async function listening(log: string, ended: () => boolean): Promise<string> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end && !ended(); await delay(20)) {
    const [, url] = LISTENING.exec(readFileSync(log, 'utf8')) ?? []
    if (url !== undefined) return url
  }
  throw new Error(`the service does not listen:\n${readFileSync(log, 'utf8').slice(-2_000)}`)
}
