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

export interface Service {
  /** Where it listens, without a slash at the end. */
  readonly url: string
  /** What listens there: its `connection` event gives the sockets. */
  readonly server: Server
  readonly simulator: Simulator
  /** Log lines that the service wrote, parsed. */
  readonly log: LogLine[]
  /** Waits for a log line; resolves at once where it was written already. */
  logged(wanted: (line: LogLine) => boolean): Promise<LogLine>
  post(body: unknown, headers?: Record<string, string>): Promise<Response>
  get(path: string, headers?: Record<string, string>): Promise<Response>
  /** Stops service and simulator. */
  stop(): Promise<void>
}

/**
 * Starts a simulator and, with production's options and over real HTTP, the service in front of it.
 * @param options `simulator`: its options; `env`: settings beside the necessary ones; `now`: the service's clock; `limits`: shorter
 *   than production's, for tests that wait for an end
 */
export async function startService(options: { simulator?: SimulatorOptions; env?: Record<string, string>; now?: () => Date; limits?: ConnectionLimits } = {}): Promise<Service> {
  const simulator = await startSimulator({ pki: await sharedPki(), ...options.simulator })
  const home = mkdtempSync(join(tmpdir(), 'service-'))
  const anchors = join(home, 'root.pem')
  writeFileSync(anchors, simulator.rootPem)
  const log: LogLine[] = []
  const lines = new EventEmitter()
  const settings = readSettings({ AUTH_MODE: 'none', TSB_URL: simulator.url, TRUST_ANCHORS_FILE: anchors, JOURNAL_URL: `file:${join(home, 'journal.sqlite')}`, PORT: '0', ...options.env })
  const app = await buildApp(settings, pino({ level: 'debug' }, { write: (text) => { const line = JSON.parse(text) as LogLine; log.push(line); lines.emit('line', line) } }), options.now, options.limits)
  const url = await app.http.listen({ host: '127.0.0.1', port: 0 })
  return {
    url,
    server: app.http.server,
    simulator,
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
    async stop() {
      await app.stop()
      await simulator.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
}
