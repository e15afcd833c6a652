import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { startSimulator, type Alterations, type Simulator, type SimulatorOptions } from '../../src/simulator/simulator.ts'
import { sharedPki, startApp, type LogLine, type RunningApp } from './service.ts'

export interface StoredRow {
  readonly id: string
  readonly label: string
  readonly state: string
  readonly reason: string | null
  readonly secret: string | null
}

/** One HSM and one SQLite journal, over which the service is started again and again. */
export interface Restarts {
  readonly simulator: Simulator
  /** The service's settings, to start it as a process of its own, or the operator's command. */
  readonly env: Readonly<Record<string, string>>
  /** The journal's file. While the service runs in this process only `read` and `backUp` may open it, or SQLite's locks are dropped. */
  readonly file: string
  start(env?: Record<string, string>, now?: () => Date): Promise<RunningApp>
  /** What stands in the journal, without the bundles' bytes; oldest first. */
  read(): StoredRow[]
  /** Copies the journal as it is now, beside a running service, as an operator's backup does (sqlite.org/lang_vacuum.html). */
  backUp(): void
  /** Puts the copy in the journal's place. Only while no service runs. */
  restore(): void
}

/** @param settings in place of ones that suit a test */
export async function setUpRestarts(
  t: Pick<TestContext, 'after'>, settings: Record<string, string> = {}, options: SimulatorOptions = {},
): Promise<Restarts> {
  const simulator = await startSimulator({ pki: await sharedPki(), ...options })
  const home = mkdtempSync(join(tmpdir(), 'restarts-'))
  const running = new Set<RunningApp>()
  t.after(async () => {
    // A test that failed left them: they would keep its process.
    for (const app of running) await app.stop()
    await simulator.close()
    rmSync(home, { recursive: true, force: true })
  })
  writeFileSync(join(home, 'root.pem'), simulator.rootPem)
  const file = join(home, 'journal.sqlite')
  const copy = join(home, 'copy.sqlite')
  const env = {
    AUTH_MODE: 'none', TSB_URL: simulator.url, TRUST_ANCHORS_FILE: join(home, 'root.pem'), JOURNAL_URL: `file:${file}`,
    LEASE_MS: '600', TSB_CREATE_KEY_TIMEOUT_MS: '5000', SETTLE_AFTER_MS: '500', ...settings,
  }
  const withJournal = <T>(work: (database: DatabaseSync) => T): T => {
    const database = new DatabaseSync(file)
    try {
      return work(database)
    } finally {
      database.close()
    }
  }
  return {
    simulator, env, file,
    async start(more = {}, now) {
      const app = await startApp({ ...env, ...more }, now)
      const own: RunningApp = {
        ...app,
        stop() {
          running.delete(own)
          return app.stop()
        },
      }
      running.add(own)
      return own
    },
    read: () => withJournal((database) => {
      const query = database.prepare('select id, label, state, reason, secret from bundle_transaction order by created_at, id')
      return query.all().map((row) => ({ ...row }) as unknown as StoredRow)
    }),
    backUp() {
      rmSync(copy, { force: true })
      withJournal((database) => database.prepare('vacuum into ?').run(copy))
    },
    restore() {
      for (const end of ['-wal', '-shm']) rmSync(`${file}${end}`, { force: true })
      renameSync(copy, file)
    },
  }
}

/**
 * Leaves HSM and journal as a process leaves them that is killed while the HSM answers one of its calls: the journal is copied then, the
 * transaction goes on and commits, and the copy takes the journal's place.
 * @param during the simulator's hook for that answer: of create-key, the CSR or the attestation
 * @param then what else to do at that moment
 */
export async function leaveUnfinished(
  stage: Restarts, during: 'createAnswer' | 'csr' | 'exportFiles', body: unknown, env: Record<string, string> = {}, then?: () => void,
): Promise<void> {
  const { alter } = stage.simulator
  Object.assign(alter, {
    [during]: <T>(answer: T): T => {
      stage.backUp()
      then?.()
      delete alter[during]
      return answer
    },
  } satisfies Alterations)
  const service = await stage.start(env)
  const { status } = await service.post(body)
  await service.stop()
  if (status !== 201) throw new Error(`The transaction that was to be left unfinished answered ${status}.`)
  stage.restore()
}

/** Says which log line tells that this label's key is left alone. */
export const abandoned = (label: string) => (line: LogLine): boolean => line['event'] === 'abandoned' && line['label'] === label
/** Says which log line tells that what was owed for this label is settled. */
export const settled = (label: string) => ({ msg, label: said }: LogLine): boolean => msg === 'an owed deletion is settled' && said === label
