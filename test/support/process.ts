import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { createInterface } from 'node:readline'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pkg from '../../package.json' with { type: 'json' }
import { isStopped } from './process-state.ts'
import { reap } from './reaper.ts'
import type { LogLine } from './service.ts'

export interface Exit {
  /** Undefined where a signal ended it. */
  readonly code?: number
  readonly signal?: NodeJS.Signals
  /** What it wrote to standard error. */
  readonly stderr: string
}

/** The service as a process of its own. */
export interface ServiceProcess {
  readonly pid: number
  /** Where it listens, without a slash at the end. @throws Error where it ended before it listened */
  readonly listening: Promise<string>
  /** Resolves once it has ended and all that it wrote is in `log`. */
  readonly exited: Promise<Exit>
  /** Log lines that it wrote, parsed; what is not JSON is a `msg`. */
  readonly log: readonly LogLine[]
  /** All that it wrote to standard output and error so far, as it came. */
  written(): string
  /** Waits for a log line; resolves at once where it was written already. @throws Error where the process ends without it, or after 20 s */
  logged(wanted: (line: LogLine) => boolean): Promise<LogLine>
  /** Sends an order, once it listens. */
  post(body: unknown, headers?: Record<string, string>): Promise<Response>
  get(path: string, headers?: Record<string, string>): Promise<Response>
  /** Sends SIGTERM and waits for the end. */
  stop(): Promise<Exit>
  /** Sends SIGKILL, which works on a stopped process too, and waits for the end. */
  kill(): Promise<Exit>
  /** Sends SIGSTOP and waits until every thread stands still: sockets stay open, and nothing is answered. */
  pause(): Promise<void>
  resume(): void
  /** Waits until it stands still by itself, as `STOP_AT` of kill-at.ts makes it. @throws Error where it ends first, and after 20 s */
  paused(): Promise<void>
}

/** What `npm start` says behind `node`. */
const START = pkg.scripts.start.split(' ').slice(1)
const root = fileURLToPath(new URL('../../', import.meta.url))
const PATIENCE_MS = 20_000

/**
 * Starts the service as `npm start` does, but on a free port, and with no other settings than these. It ends with this process at the
 * latest, however that ends.
 * @param env the settings; AUTH_MODE, PORT and LOG_LEVEL have values that suit a test
 * @param imports modules to load first, by URL or path (`node --import`)
 */
export function launchService(env: Readonly<Record<string, string>>, imports: readonly string[] = []): ServiceProcess {
  const child = spawn(process.execPath, [...imports.flatMap((module) => ['--import', module]), ...START], {
    cwd: root,
    env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], AUTH_MODE: 'none', PORT: '0', LOG_LEVEL: 'debug', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { pid } = child
  if (pid === undefined) throw new Error('the service could not be started')
  const log: LogLine[] = []
  const events = new EventEmitter().setMaxListeners(0)
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = parse(text)
    log.push(line)
    events.emit('line', line)
  })
  let stderr = ''
  let stdout = ''
  child.stdout.on('data', (bytes: Buffer) => { stdout += bytes.toString('latin1') })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text })
  let ended = false
  const forget = reap({ pid })
  const exited = (once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>).then(([code, signal]): Exit => {
    ended = true
    forget()
    events.emit('end')
    return { ...(code !== null && { code }), ...(signal !== null && { signal }), stderr }
  })
  const outcome = (how: string): Error => {
    const last = log.slice(-5).map((line) => JSON.stringify(line))
    return new Error([`The service ${ended ? 'ended' : 'went on'} ${how}.`, ...last, stderr].join('\n'))
  }

  const logged: ServiceProcess['logged'] = (wanted) => new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      clearTimeout(timer)
      events.off('line', look).off('end', giveUp)
      settle()
    }
    const look = (line: LogLine): void => { if (wanted(line)) finish(() => { resolve(line) }) }
    const giveUp = (): void => { finish(() => { reject(outcome('without the log line')) }) }
    const timer = setTimeout(giveUp, PATIENCE_MS)
    events.on('line', look).on('end', giveUp)
    const written = log.find(wanted)
    if (written !== undefined) finish(() => { resolve(written) })
    else if (ended) giveUp()
  })
  const send = async (signal: NodeJS.Signals): Promise<Exit> => {
    child.kill(signal)
    return exited
  }
  const paused = async (): Promise<void> => {
    const end = Date.now() + PATIENCE_MS
    // Only its parent's kernel-side wait would tell, which Node does not offer: looks again on each turn of the event loop.
    while (!isStopped(pid)) {
      if (ended || Date.now() > end) throw outcome('in place of standing still')
      await nextTurn()
    }
  }
  const greeting = 'Server listening at '
  const listening = logged(({ msg }) => String(msg).startsWith(greeting)).then(({ msg }) => String(msg).slice(greeting.length))
  listening.catch(() => undefined)
  return {
    pid, listening, exited, log, logged, paused,
    written: () => stdout + stderr,
    post: async (body, headers = {}) => fetch(`${await listening}/v1/attestation-bundles`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    }),
    get: async (path, headers = {}) => fetch(`${await listening}${path}`, { headers }),
    stop: () => send('SIGTERM'),
    kill: () => send('SIGKILL'),
    async pause() {
      child.kill('SIGSTOP')
      await paused()
    },
    resume: () => { child.kill('SIGCONT') },
  }
}

/**
 * Starts the service as `launchService` does and waits until it listens.
 * @throws Error with what it said where it does not come to that
 */
export async function startServiceProcess(...start: Parameters<typeof launchService>): Promise<ServiceProcess & { readonly url: string }> {
  const service = launchService(...start)
  return { ...service, url: await service.listening }
}

function parse(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine
  } catch {
    return { msg: text }
  }
}
