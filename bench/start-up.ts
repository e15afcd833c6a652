import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { launchService } from '../test/support/process.ts'
import { cpuMs, memoryOf } from './process-usage.ts'
import { median } from './statistics.ts'
import type { Upstream } from './workers.ts'

export interface StartUp {
  /** From the start of the process to `Server listening`. */
  readonly ms: number
  readonly cpuMs: number
  readonly residentMb: number
}

/** Starts the service several times, as `npm start` does or with a compile cache as the image has it. @returns medians */
export async function measureStartUp(upstream: Upstream, home: string, times: number, compileCache: boolean): Promise<StartUp> {
  const cache = join(home, 'compile-cache')
  mkdirSync(cache, { recursive: true })
  const starts: StartUp[] = []
  // The first start only fills the cache, or the page cache.
  for (let count = 0; count <= times; count += 1) {
    const begin = performance.now()
    const service = launchService({
      TSB_URL: upstream.url, LOG_LEVEL: 'info', JOURNAL_URL: `file:${join(home, `start-${compileCache}-${count}.sqlite`)}`, NODE_COMPILE_CACHE: compileCache ? cache : '',
    })
    await service.listening
    if (count > 0) starts.push({ ms: performance.now() - begin, cpuMs: cpuMs(service.pid), residentMb: memoryOf(service.pid).residentMb })
    await service.stop()
  }
  return { ms: median(starts.map(({ ms }) => ms)), cpuMs: median(starts.map((start) => start.cpuMs)), residentMb: median(starts.map(({ residentMb }) => residentMb)) }
}
