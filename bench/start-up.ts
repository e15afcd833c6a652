import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
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

/** Sizes as Docker gives them, in megabytes. */
export interface ImageSize {
  readonly totalMb: number
  /** What the service adds to Node's image. */
  readonly ownMb: number
}

/** Builds the image, where a Docker engine answers. @returns undefined where none does, or where it cannot build */
export function measureImage(): ImageSize | undefined {
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  const name = `attestation-bundler-bench-${process.pid}`
  const docker = (...words: readonly string[]): string => execFileSync('docker', words, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  const megabytes = (image: string): number => Number(docker('image', 'inspect', '-f', '{{.Size}}', image)) / 1e6
  try {
    docker('build', '-q', '-t', name, '.')
    const [totalMb, baseMb] = [megabytes(name), megabytes('node:24-bookworm-slim')]
    docker('rmi', name)
    return { totalMb, ownMb: totalMb - baseMb }
  } catch {
    return undefined
  }
}
