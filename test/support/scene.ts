import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import pg from 'pg'
import { parseTrustAnchors } from '../../src/evidence/trust-anchors.ts'
import { verifyBundle } from '../../src/evidence/verify-evidence.ts'
import type { Journal, Transaction } from '../../src/journal/journal.ts'
import { patiently } from '../../src/journal/group-commit.ts'
import { openJournal } from '../../src/journal/open-journal.ts'
import { startSimulator, type Simulator } from '../../src/simulator/simulator.ts'
import { KILL_AT } from './kill-points.ts'
import { launchService, type ServiceProcess } from './process.ts'
import { sharedPki, startApp, type RunningApp } from './service.ts'

type Env = Readonly<Record<string, string>>

/** An HSM and a journal of their own, and whatever processes of the service work with them. */
export interface Scene {
  readonly simulator: Simulator
  /** Starts a process that obeys STOP_AT and HOLD_AT; `env` is added to the scene's settings. */
  launch(env?: Env): ServiceProcess
  /** Starts the service in this process, as one that comes later or works beside. */
  join(env?: Env): Promise<RunningApp>
  /** The rows of this scene; `open`: only those that are unfinished or abandoned. */
  rows(which?: 'open'): Promise<readonly Transaction[]>
  /** Moves what the journal has noted of rows that nobody holds into the past, in place of waiting. */
  elapse(ms: number): Promise<void>
  /** Ends every process and app of the scene, and the HSM. */
  close(): Promise<void>
}

export interface Stage {
  /** JOURNAL_URL; without it every scene has a SQLite file. */
  readonly journalUrl?: string
  readonly env?: Env
}

/** Short, so that a test need not wait for long until nobody holds a row of a process that stopped. */
const LEASE_MS = 900
let scenes = 0

/** Opens a scene. Scenes can share a database: each has another TSB_ID, and so none takes another's rows over. */
export async function openScene({ journalUrl, env = {} }: Stage = {}): Promise<Scene> {
  const simulator = await startSimulator({ pki: await sharedPki() })
  const home = mkdtempSync(join(tmpdir(), 'scene-'))
  const anchors = join(home, 'root.pem')
  writeFileSync(anchors, simulator.rootPem)
  const url = journalUrl ?? `file:${join(home, 'journal.sqlite')}`
  const tsb = `scene-${process.pid}-${++scenes}`
  const settings: Env = {
    TSB_URL: simulator.url, TSB_ID: tsb, TRUST_ANCHORS_FILE: anchors, JOURNAL_URL: url, LEASE_MS: String(LEASE_MS), SETTLE_AFTER_MS: '500',
    MAX_TRANSACTIONS: '64', TSB_TIMEOUT_MS: '60000', JOURNAL_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'), ...env,
  }
  const processes: ServiceProcess[] = []
  const apps: RunningApp[] = []
  // Opened once, and before an app of this process: SQLite would let the two wait for each other on their one thread.
  let opened: Promise<Journal> | undefined
  const reading = { url, tsb, leaseMs: LEASE_MS, retentionMs: 86_400_000, exclusive: false, poolSize: 1 }
  const reader = (): Promise<Journal> => opened ??= openJournal(reading)
  return {
    simulator,
    launch(more = {}) {
      const launched = launchService({ ...settings, ...more }, [KILL_AT])
      processes.push(launched)
      return launched
    },
    async join(more = {}) {
      await reader()
      const app = await startApp({ ...settings, ...more })
      apps.push(app)
      return app
    },
    async rows(which) {
      const all = await (await reader()).listAll({ open: which === 'open', limit: 10_000 })
      return all.filter((row) => row.tsb === tsb)
    },
    async elapse(ms) {
      const sql = `update bundle_transaction set sent_at = sent_at - ${ms}, lease_until = lease_until - ${ms}
        where owner is null and tsb = '${tsb}'`
      if (journalUrl !== undefined) {
        const client = new pg.Client(journalUrl)
        await client.connect()
        await client.query(sql).finally(() => client.end())
      } else {
        const file = new DatabaseSync(url.slice('file:'.length), { timeout: 0 })
        // An app of this thread may be about to commit.
        await patiently({ isBusy: (error) => String(error).includes('locked'), busyMs: 5_000 }, () => { file.exec(sql) })
        file.close()
      }
    },
    async close() {
      await Promise.all([...processes.map((each) => each.kill()), ...apps.map((each) => each.stop())])
      await (await opened)?.close()
      await simulator.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

/** Opens a scene that is closed when the test has ended, however it ends. */
export async function sceneFor(t: TestContext, stage?: Stage): Promise<Scene> {
  const scene = await openScene(stage)
  t.after(() => scene.close())
  return scene
}

/** Asserts that an answer is a bundle that passes verification, of the key that the HSM holds. @returns its bytes */
export async function assertBundle(answer: Response, simulator: Simulator, label: string): Promise<Buffer> {
  assert.equal(answer.headers.get('content-type'), 'application/zip')
  const bytes = Buffer.from(await answer.arrayBuffer())
  const createdPublicKey = simulator.publicKey(label).export({ type: 'spki', format: 'der' })
  const trustAnchors = parseTrustAnchors(simulator.rootPem, { builtIn: false })
  const { report } = await verifyBundle({ attestationExport: bytes, createdPublicKey, trustAnchors, verifiedAt: new Date() })
  assert.equal(report.verdict, 'passed', JSON.stringify(report.checks.filter(({ outcome }) => outcome === 'failed')))
  return bytes
}
