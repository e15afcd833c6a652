/**
 * Makes the process that loads it (`node --import`) stand still at a write to the journal, through `node:sqlite` as well as `pg`:
 *
 *   STOP_AT=journal:3:after    SIGSTOP once the database has answered the third write, before the code that sent it hears; several with
 *                              commas between
 *   HOLD_AT=journal:3:before   lets the transaction stand still that sends the third write, while the process goes on; several with commas
 *                              between, one after the other: each counts from the one before. They go on once the process was stopped and
 *                              is resumed (SIGCONT)
 *   POINTS_FILE=FILE           notes every point there when it is reached, one JSON line each (read by `readPoints`)
 *
 * Before that one log line goes to standard output: `{ "killAt": { kind, n, sql, when } }`. A write inside of a database transaction
 * takes effect with its COMMIT, which is a point of its own.
 */
import { once } from 'node:events'
import { appendFileSync, writeSync } from 'node:fs'
import { DatabaseSync, StatementSync } from 'node:sqlite'
import { DefaultQueryExecutor } from 'kysely'
import pg from 'pg'
import { followConnection, kindOf, readOrder, type Kind, type Order, type Point } from './kill-points.ts'

const { STOP_AT, HOLD_AT, POINTS_FILE } = process.env
const ordersIn = (text: string | undefined): Order[] => (text ? text.split(',').map(readOrder) : [])
const stops = ordersIn(STOP_AT)
const holds = ordersIn(HOLD_AT)

type Method = (...args: unknown[]) => unknown
type Callback = (...results: unknown[]) => void

const reached: Record<Kind, number> = { journal: 0, sweep: 0 }
const connections = new WeakMap<object, ReturnType<typeof followConnection>>()

/** @returns what to call once the database has answered; undefined where the statement is no point */
function reach(connection: object, sql: string, values: readonly unknown[]): (() => void) | undefined {
  const follow = connections.get(connection) ?? followConnection()
  connections.set(connection, follow)
  const kind = follow(sql, values)
  if (kind === undefined) return undefined
  const point: Point = { kind, n: ++reached[kind], sql }
  if (POINTS_FILE) appendFileSync(POINTS_FILE, `${JSON.stringify(point)}\n`)
  obey(point, 'before')
  return () => { obey(point, 'after') }
}

function obey(point: Point, when: Order['when']): void {
  for (const order of stops) {
    if (order.kind !== point.kind || order.n !== point.n || order.when !== when) continue
    say(point, when)
    process.kill(process.pid, 'SIGSTOP')
  }
}

// Not by a stream: it would not get round to writing.
const say = (point: Point, when: Order['when']): void => { writeSync(1, `${JSON.stringify({ killAt: { ...point, when } })}\n`) }

type Change<T> = (original: Method) => (this: T, ...args: unknown[]) => unknown

function patch<T extends object>(prototype: T, name: keyof T & string, change: Change<T>): void {
  Object.defineProperty(prototype, name, { value: change(prototype[name] as Method), configurable: true, writable: true })
}

const databases = new WeakMap<object, object>()
patch(DatabaseSync.prototype, 'prepare', (original) => function (...args) {
  const statement = original.apply(this, args) as object
  databases.set(statement, this)
  return statement
})

function executeBetween(connection: object, sql: string, values: readonly unknown[], execute: () => unknown): unknown {
  const answered = reach(connection, sql, values)
  try {
    return execute()
  } finally {
    answered?.()
  }
}
patch(DatabaseSync.prototype, 'exec', (original) => function (...args) {
  return executeBetween(this, String(args[0]), [], () => original.apply(this, args))
})
for (const name of ['run', 'get', 'all'] as const) {
  patch(StatementSync.prototype, name, (original) => function (...args) {
    return executeBetween(databases.get(this) ?? this, this.sourceSQL, args, () => original.apply(this, args))
  })
}

/** A way to send a statement whose end this module would miss must not pass for one without a write. */
const mustNotWrite = (sql: string): void => {
  if (kindOf(sql) !== undefined) throw new Error(`kill-at.ts does not know this way to send a write: ${sql}`)
}
patch(StatementSync.prototype, 'iterate', (original) => function (...args) {
  mustNotWrite(this.sourceSQL)
  return original.apply(this, args)
})

// A pool's clients are of this class, and `pool.query` goes through it.
patch(pg.Client.prototype, 'query', (original) => function (...args) {
  const [config] = args as [string | { text?: string; values?: unknown[]; submit?: unknown; callback?: unknown } | undefined]
  const sql = (typeof config === 'string' ? config : config?.text) ?? ''
  if (typeof config === 'object' && (config.submit ?? config.callback) !== undefined) mustNotWrite(sql)
  const values = typeof config === 'object' ? config.values : args[1]
  const answered = reach(this, sql, Array.isArray(values) ? values : [])
  if (answered === undefined) return original.apply(this, args)
  const callback = args.findLastIndex((each) => typeof each === 'function')
  if (callback >= 0) {
    return original.apply(this, args.with(callback, (...results: unknown[]) => {
      answered();
      (args[callback] as Callback)(...results)
    }))
  }
  return (original.apply(this, args) as Promise<unknown>).finally(answered)
})

let sinceHold = 0
const resumed = holds.length === 0 ? undefined : once(process, 'SIGCONT')

// Above the connections: one that stood still would keep all other transactions from SQLite, which has one.
patch(DefaultQueryExecutor.prototype, 'executeQuery', (original) => async function (...args) {
  const [{ sql, parameters }] = args as [{ sql: string; parameters: readonly unknown[] }]
  const [next] = holds
  if (next === undefined || kindOf(sql, parameters) !== next.kind || (sinceHold += 1) !== next.n) return original.apply(this, args)
  holds.shift()
  sinceHold = 0
  const answer = next.when === 'after' ? await original.apply(this, args) : undefined
  say({ kind: next.kind, n: next.n, sql }, next.when)
  // A listener for a signal keeps no process alive.
  const alive = setInterval(() => undefined, 60_000)
  await resumed
  clearInterval(alive)
  return answer ?? original.apply(this, args)
})
