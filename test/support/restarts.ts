import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { startSimulator, type Simulator, type SimulatorOptions } from '../../src/simulator/simulator.ts'
import { sharedPki, startApp, type RunningApp } from './service.ts'

/** One HSM and one SQLite journal, over which the service is started again and again. */
export interface Restarts {
  readonly simulator: Simulator
  /** The service's settings, to start it as a process of its own, or the operator's command. */
  readonly env: Readonly<Record<string, string>>
  /** The journal's file. While the service runs in this process, no other way than `read` and `copy` may open it: closing it would drop SQLite's locks. */
  readonly file: string
  start(env?: Record<string, string>, now?: () => Date): Promise<RunningApp>
  /** What stands in the journal, without the bundles' bytes; oldest first. */
  read(): { readonly id: string; readonly label: string; readonly state: string; readonly reason: string | null; readonly secret: string | null }[]
  /** Copies the journal as it is now, beside a running service, as an operator's backup does (sqlite.org/lang_vacuum.html). */
  backUp(): void
  /** Puts the copy in the journal's place. Only while no service runs. */
  restore(): void
}

/** @param settings in place of ones that suit a test */
export async function setUpRestarts(t: Pick<TestContext, 'after'>, settings: Record<string, string> = {}, options: SimulatorOptions = {}): Promise<Restarts> {
  const simulator = await startSimulator({ pki: await sharedPki(), ...options })
  t.after(() => simulator.close())
  const home = mkdtempSync(join(tmpdir(), 'restarts-'))
  t.after(() => rmSync(home, { recursive: true, force: true }))
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
    start: (more = {}, now) => startApp({ ...env, ...more }, now),
    read: () => withJournal((database) => database.prepare('select id, label, state, reason, secret from bundle_transaction order by created_at, id').all() as ReturnType<Restarts['read']>),
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

/** Says which log line tells that this label's key is left alone. */
export const abandoned = (label: string) => (line: Readonly<Record<string, unknown>>): boolean => line['event'] === 'abandoned' && line['label'] === label
/** Says which log line tells that what was owed for this label is settled. */
export const settled = (label: string) => (line: Readonly<Record<string, unknown>>): boolean => line['msg'] === 'an owed deletion is settled' && line['label'] === label
