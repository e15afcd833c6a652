import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import pg from 'pg'
import type { EngineLimits } from '../../src/journal/engine.ts'
import type { Change, Claim, Journal, JournalOptions, NewTransaction, TransactionState } from '../../src/journal/journal.ts'
import { openJournal } from '../../src/journal/open-journal.ts'
import type { Postgres } from '../support/postgres.ts'

export const TSB = 'https://tsb.example'
export const LEASE_MS = 20_000
export const RETENTION_MS = 30 * 86_400_000
/** PostgreSQL's clock goes on while a test runs: ages are right to this. */
export const SLACK_MS = 5_000

/** One empty journal on one engine, and time that a test moves. */
export interface Bench {
  readonly name: string
  readonly url: string
  /** The journal as another process of the service has it, each time that a test asks. Stays open for the next test. */
  open(more?: Partial<JournalOptions & EngineLimits>): Promise<Journal>
  /** The journal as a process has it that just started. Closed after the test. */
  openFresh(more?: Partial<JournalOptions & EngineLimits>): Promise<Journal>
  /** Lets time pass by the journal's clock. PostgreSQL's cannot be moved: there, what was written moves back. */
  elapse(ms: number): Promise<void>
  /** Asks the database itself. Parameters are `$1`, … */
  ask(text: string, ...parameters: SQLInputValue[]): Promise<Record<string, unknown>[]>
  /** Empties the journal after a test. */
  empty(): Promise<void>
  end(): Promise<void>
}

const TIMES = ['lease_until', 'lapsed_at', 'sent_at', 'ended_at', 'written_off_at']

/** @returns a bench on SQLite, in a folder of its own */
export function sqliteBench(): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'journal-'))
  const path = join(folder, 'journal.sqlite')
  let time = 1_800_000_000_000
  const opener = openerOf({ url: `file:${path}`, now: () => time, exclusive: false })
  const ask: Bench['ask'] = async (text, ...parameters) => {
    const database = new DatabaseSync(path)
    try {
      return database.prepare(text.replaceAll(/\$(\d+)/g, '?$1')).all(...parameters).map((row) => ({ ...row }))
    } finally {
      database.close()
    }
  }
  return {
    ...opener,
    name: 'SQLite',
    elapse: async (ms) => { time += ms },
    ask,
    async empty() {
      await opener.closeFresh()
      if (existsSync(path)) await ask('delete from bundle_transaction')
    },
    async end() {
      await opener.closeAll()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** @returns a bench on a database of its own */
export async function postgresBench(postgres: Postgres): Promise<Bench> {
  const url = await postgres.newDatabase()
  const client = new pg.Client(url)
  await client.connect()
  // The process's clock is worth nothing here.
  const opener = openerOf({ url, now: () => 0 })
  const ask: Bench['ask'] = async (text, ...parameters) => (await client.query(text, parameters)).rows as Record<string, unknown>[]
  return {
    ...opener,
    name: 'PostgreSQL',
    async elapse(ms) {
      await ask(`update bundle_transaction set ${TIMES.map((column) => `${column} = ${column} - ${ms}`).join(', ')}`)
    },
    ask,
    async empty() {
      await opener.closeFresh()
      const [table] = await ask("select to_regclass('bundle_transaction') as there")
      if (table?.['there'] !== null) await ask('delete from bundle_transaction')
    },
    async end() {
      await opener.closeAll()
      await client.end()
    },
  }
}

function openerOf(defaults: Pick<JournalOptions, 'url'> & Partial<JournalOptions & EngineLimits>) {
  const kept = new Map<string, Journal>()
  const fresh: Journal[] = []
  let asked = 0
  const openFresh = async (more: Partial<JournalOptions & EngineLimits> = {}): Promise<Journal> => {
    const journal = await openJournal({ tsb: TSB, leaseMs: LEASE_MS, retentionMs: RETENTION_MS, ...defaults, ...more })
    fresh.push(journal)
    return journal
  }
  const closeFresh = async (): Promise<void> => {
    asked = 0
    await Promise.all(fresh.splice(0).map((journal) => journal.close()))
  }
  return {
    url: defaults.url,
    async open(more: Partial<JournalOptions & EngineLimits> = {}) {
      const key = `${asked++} ${JSON.stringify(more)}`
      const journal = kept.get(key) ?? await openFresh(more)
      fresh.splice(0, fresh.length, ...fresh.filter((each) => each !== journal))
      kept.set(key, journal)
      return journal
    },
    openFresh,
    closeFresh,
    async closeAll() {
      await closeFresh()
      for (const journal of kept.values()) await journal.close()
    },
  }
}

export const BUNDLE = { fileName: 'x.zip', sha256: '00', size: 3, bytes: Buffer.from('zip') }
export const SETTLING = { tries: 1, refusedMs: 5, refused: true, absentBefore: false, reason: 'the TSB refused' }

let made = 0
/** @returns a new transaction of the caller anna's; later ones are newer */
export function row(more: Partial<NewTransaction> = {}): NewTransaction {
  const id = more.id ?? randomUUID()
  const createdAt = new Date(1_700_000_000_000 + made++)
  return { id, caller: 'anna', label: `label-${id}`, labelIsOurs: false, createdAt, createBody: { label: 'x' }, ...more }
}

export const withKey = (key: string): Pick<NewTransaction, 'idempotency'> => ({ idempotency: { key, fingerprint: { body: 'digest' } } })

export async function begun(journal: Journal, transaction: NewTransaction): Promise<Claim> {
  const answer = await journal.begin(transaction)
  assert.equal(answer.state, 'begun')
  return answer.state === 'begun' ? answer.claim : assert.fail()
}

export async function written(journal: Journal, claim: Claim, change: Change): Promise<Claim> {
  return await journal.write(claim, change) ?? assert.fail('the row was no longer this claim\'s')
}

const WAY: Readonly<Record<TransactionState, readonly TransactionState[]>> = {
  began: [],
  'key-created': ['key-created'],
  'csr-generated': ['key-created', 'csr-generated'],
  attested: ['key-created', 'csr-generated', 'attested'],
  committed: ['key-created', 'csr-generated', 'attested', 'committed'],
  'rolling-back': ['rolling-back'],
  'rolled-back': ['rolling-back', 'rolled-back'],
  'rollback-owed': ['rolling-back', 'rollback-owed'],
  abandoned: ['rolling-back', 'abandoned'],
}

/** Brings a transaction to a state, by the writes that lead there. */
export async function reach(journal: Journal, claim: Claim, state: TransactionState): Promise<Claim> {
  let at = claim
  for (const next of WAY[state]) {
    const more = next === 'committed' ? { bundle: BUNDLE } : next === 'abandoned' ? { settling: SETTLING } : {}
    at = await written(journal, at, { state: next, ...more })
  }
  return at
}

export const begunIn = async (journal: Journal, state: TransactionState, more: Partial<NewTransaction> = {}): Promise<Claim> =>
  await reach(journal, await begun(journal, row(more)), state)

/** Asserts an age that the journal told. */
export function isAge(actual: number | undefined, expected: number): void {
  assert.ok(actual !== undefined && actual >= expected && actual <= expected + SLACK_MS, `${actual} is not about ${expected}`)
}
