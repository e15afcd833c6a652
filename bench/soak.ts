import { setTimeout as delay } from 'node:timers/promises'
import { memoryOf, openHandles } from './process-usage.ts'
import { percentile } from './systems.ts'
import { startCallers, startService, type Upstream } from './workers.ts'

export interface Sample {
  readonly second: number
  readonly residentMb: number
  readonly handles: number
  readonly loopDelayMs: number
  readonly bundlesPerSecond: number
}

export interface Soak {
  /** Where it was measured at another revision than all else. */
  readonly revision?: string
  readonly callers: number
  readonly delayMs: number
  readonly seconds: number
  readonly bundles: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly samples: readonly Sample[]
}

/** Loads a service with a fresh journal for a long time and looks at it now and then. */
export async function soak(upstream: Upstream, home: string, journalUrl: string, seconds: number, load: { readonly callers: number; readonly delayMs: number }): Promise<Soak> {
  await upstream.delay(load.delayMs)
  const service = await startService({ upstream, home, name: 'soak', journalUrl })
  const callers = await startCallers('service', service.url, upstream.keySize)
  const samples: Sample[] = []
  const running = callers.run({ callers: load.callers, durationMs: seconds * 1_000, spreadMs: load.delayMs })
  // Whoever waits for it below hears of a failure; until then it must not end the process.
  running.catch(() => undefined)
  const begin = performance.now()
  const apart = Math.max(1_000, seconds * 1_000 / 120)
  let last = { at: begin, bundles: (await service.watch()).bundles }
  for (let next = begin + apart; next <= begin + seconds * 1_000; next += apart) {
    await Promise.race([delay(next - performance.now()), running])
    const { loopDelayMs, bundles } = await service.watch()
    const at = performance.now()
    samples.push({
      second: Math.round((at - begin) / 1_000), loopDelayMs, residentMb: memoryOf(service.pid).residentMb, handles: openHandles(service.pid),
      bundlesPerSecond: (bundles - last.bundles) / (at - last.at) * 1_000,
    })
    last = { at, bundles }
  }
  const { bundles, latenciesMs } = await running
  await callers.stop()
  await service.stop()
  return { ...load, seconds, bundles, p50Ms: percentile(latenciesMs, 0.5), p99Ms: percentile(latenciesMs, 0.99), samples }
}
