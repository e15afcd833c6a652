import { execFileSync } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { reap } from '../test/support/reaper.ts'
import { LISTENING, serviceSettings, watchService, writeAnchors, type Service, type ServiceOptions } from './workers.ts'

/** Sizes as Docker gives them, in megabytes. */
export interface ImageSize {
  readonly totalMb: number
  /** What the service adds to Node's image. */
  readonly ownMb: number
}

export interface Image {
  readonly name: string
  readonly size: ImageSize
  remove(): void
}

/** What a pod of deploy/kubernetes may have, in bytes. Node keeps its heap smaller where there is a limit. */
export const LIMIT_BYTES = 384 * 2 ** 20
const PATIENCE_MS = 30_000

const docker = (...words: readonly string[]): string =>
  execFileSync('docker', words, { cwd: fileURLToPath(new URL('..', import.meta.url)), encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()

/** Builds the image, where a Docker engine answers. @returns undefined where none does, or where it cannot build */
export function buildImage(): Image | undefined {
  const name = `attestation-bundler-bench-${process.pid}`
  const megabytes = (image: string): number => Number(docker('image', 'inspect', '-f', '{{.Size}}', image)) / 1e6
  try {
    docker('build', '-q', '-t', name, '.')
    const [totalMb, baseMb] = [megabytes(name), megabytes('node:24-bookworm-slim')]
    return { name, size: { totalMb, ownMb: totalMb - baseMb }, remove: () => { docker('rmi', name) } }
  } catch {
    return undefined
  }
}

/**
 * Starts the service as a container of the image, with as much memory as a pod has, on this machine's network.
 * @param image built by `buildImage`
 * @param options as `startService` takes them, but for Node's arguments; files are under `home`
 */
export async function startContainer({ name: image }: Image, { upstream, home, name, journalUrl }: Omit<ServiceOptions, 'nodeArgs'>): Promise<Service> {
  const container = `${image}-${name}`
  const settings = Object.entries(serviceSettings(upstream, writeAnchors(upstream, home, name), journalUrl)).flatMap(([key, value]) => ['-e', `${key}=${value}`])
  // Where the bench's files are is where the container finds them, and its user is who runs the bench.
  docker('run', '-d', '--name', container, '--network', 'host', '--memory', String(LIMIT_BYTES), '--user', `${process.getuid?.()}:${process.getgid?.()}`, '-v', `${home}:${home}`, ...settings, image)
  const pid = Number(docker('inspect', '-f', '{{.State.Pid}}', container))
  const forget = reap({ pid })
  const url = await listening(container).catch((error: unknown) => {
    docker('rm', '-f', container)
    throw error
  })
  return {
    ...watchService(url), pid, url,
    async stop() {
      docker('rm', '-f', container)
      forget()
    },
  }
}

async function listening(container: string): Promise<string> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await delay(50)) {
    const [, url] = LISTENING.exec(docker('logs', container)) ?? []
    if (url !== undefined) return url
  }
  throw new Error(`the container does not listen:\n${docker('logs', container)}`)
}
