import { EventEmitter, on } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { buildApp } from '../../src/app.ts'
import { readSettings } from '../../src/config.ts'
import { createPki, type Pki } from '../../src/simulator/pki.ts'
import type { ConnectionLimits } from '../../src/routes/connections.ts'
import { startSimulator, type Simulator, type SimulatorOptions } from '../../src/simulator/simulator.ts'

let shared: Promise<Pki> | undefined

/** One EC hierarchy per process: it costs next to nothing to make and to sign with. */
export const sharedPki = (): Promise<Pki> => shared ??= createPki({ attestationKey: 'ec', caKey: 'ec' })

/** A body that is cheap for the simulator: an EC key without a password. */
export const order = (label: string, key: Record<string, unknown> = {}, csr: Record<string, unknown> = {}): { key: Record<string, unknown>; csr: Record<string, unknown> } => ({
  key: { label, algorithm: 'EC', curveOid: '1.2.840.10045.3.1.7', ...key },
  csr: { standardCertificateAttributes: { commonName: 'Example Seal', country: 'CH', organizationName: 'Example AG' }, ...csr },
})

export type LogLine = Readonly<Record<string, unknown>>

/** The service, run in this process. */
export interface RunningApp {
  /** Where it listens, without a slash at the end. */
  readonly url: string
  /** What listens there: its `connection` event gives the sockets. */
  readonly server: Server
  /** Log lines that the service wrote, parsed. */
  readonly log: LogLine[]
  /** Waits for a log line; resolves at once where it was written already. */
  logged(wanted: (line: LogLine) => boolean): Promise<LogLine>
  post(body: unknown, headers?: Record<string, string>): Promise<Response>
  get(path: string, headers?: Record<string, string>): Promise<Response>
  /** Stops it as SIGTERM does. */
  stop(): Promise<void>
}

export interface Service extends RunningApp {
  readonly simulator: Simulator
  /** Stops service and simulator. */
  stop(): Promise<void>
}

/**
 * Starts the service with production's options and over real HTTP, but in this process.
 * @param env all settings but AUTH_MODE and PORT
 * @param now the service's clock
 * @param limits shorter than production's, for tests that wait for an end
 */
export async function startApp(env: Readonly<Record<string, string>>, now?: () => Date, limits?: ConnectionLimits): Promise<RunningApp> {
  const log: LogLine[] = []
  const lines = new EventEmitter().setMaxListeners(0)
  const settings = readSettings({ AUTH_MODE: 'none', PORT: '0', ...env })
  const write = (text: string): void => {
    const line = JSON.parse(text) as LogLine
    log.push(line)
    lines.emit('line', line)
  }
  const app = await buildApp(settings, pino({ level: 'debug' }, { write }), now, limits)
  const url = await app.http.listen({ host: '127.0.0.1', port: 0 })
  return {
    url,
    server: app.http.server,
    log,
    async logged(wanted) {
      const written = log.find(wanted)
      if (written !== undefined) return written
      for await (const [line] of on(lines, 'line', { signal: AbortSignal.timeout(20_000) }) as AsyncIterable<[LogLine]>) if (wanted(line)) return line
      throw new Error('the log ended')
    },
    post: (body, headers = {}) => fetch(`${url}/v1/attestation-bundles`, {
      method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body),
    }),
    get: (path, headers = {}) => fetch(`${url}${path}`, { headers }),
    stop: () => app.stop(),
  }
}

/**
 * Starts a simulator and the service in front of it.
 * @param options `simulator`: its options; `env`: settings beside the necessary ones; `now`, `limits`: as above
 */
export async function startService(
  options: { simulator?: SimulatorOptions; env?: Record<string, string>; now?: () => Date; limits?: ConnectionLimits } = {},
): Promise<Service> {
  const simulator = await startSimulator({ pki: await sharedPki(), ...options.simulator })
  const home = mkdtempSync(join(tmpdir(), 'service-'))
  const anchors = join(home, 'root.pem')
  writeFileSync(anchors, simulator.rootPem)
  const settings = { TSB_URL: simulator.url, TRUST_ANCHORS_FILE: anchors, JOURNAL_URL: `file:${join(home, 'journal.sqlite')}` }
  const app = await startApp({ ...settings, ...options.env }, options.now, options.limits)
  return {
    ...app,
    simulator,
    async stop() {
      await app.stop()
      await simulator.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
}
