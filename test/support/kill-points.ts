import { existsSync, readFileSync } from 'node:fs'

/**
 * `journal`: a write about one transaction that it waits for, in the order in which that transaction makes them. `sweep`: a statement that a
 * timer sends, take-over, expiry, the renewal of leases and how far a transaction has come, or that nobody waits for, the steps of a committed
 * one: how many there are by a certain moment says nothing, so they are counted apart.
 */
export type Kind = 'journal' | 'sweep'

/** A moment at which a process can be made to stand still: a write to the journal, or the COMMIT of a database transaction that holds one. */
export interface Point {
  readonly kind: Kind
  /** From 1, within its kind. */
  readonly n: number
  readonly sql: string
}

/** What STOP_AT and HOLD_AT say. */
export interface Order {
  readonly kind: Kind
  readonly n: number
  readonly when: 'before' | 'after'
}

/** The module to load into a process (`node --import`) that shall stand still at a write; its head says which settings it reads. */
export const KILL_AT = new URL('./kill-at.ts', import.meta.url).href

/** @throws Error where the text is not `journal:N:before`, or the like with `sweep` or `after` */
export function readOrder(text: string): Order {
  const [, kind, n, when] = /^(journal|sweep):([1-9]\d*):(before|after)$/.exec(text) ?? []
  if (n === undefined) throw new Error(`${text} is no point of a process: journal:3:before is one`)
  return { kind: kind as Kind, n: Number(n), when: when as Order['when'] }
}

/** Reads what a process wrote to POINTS_FILE: all points that it reached, in order. */
export function readPoints(file: string): Point[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Point)
}

const WRITE = /\b(?:insert(?:\s+or\s+\w+)?\s+into|update(?:\s+or\s+\w+)?|delete\s+from)\s+(?:"?\w+"?\.)?"?bundle_transaction(?!\w)/i
/** Nothing but the lease is set; or the rows are looked for by the statement itself, and not named by who sends it. */
const SWEEP = /^\s*update\b.*?\bset\s+"?(?:lease_until|steps)"?\s*=[^,]*?\bwhere\b|^\s*with\b/is
const SET_STATE = /^\s*update\b.*?\bset\s+"?state"?\s*=\s*(?:\?|\$1\b)/is

/**
 * @param values of the statement's parameters
 * @returns what kind of write a statement is; undefined where it does not write to the journal's table
 */
export function kindOf(sql: string, values: readonly unknown[] = []): Kind | undefined {
  if (!WRITE.test(sql)) return undefined
  const isNote = SET_STATE.test(sql) && ['csr-generated', 'attested'].includes(String(values[0]))
  return isNote || SWEEP.test(sql) ? 'sweep' : 'journal'
}

/** Follows one database connection through its transactions. @returns for each statement, which kind of point it is, if any */
export function followConnection(): (sql: string, values?: readonly unknown[]) => Kind | undefined {
  let inTransaction = false
  let wrote: Kind | undefined
  return (sql, values) => {
    if (/^\s*(?:begin|start\s+transaction)\b[^;]*;?\s*$/i.test(sql)) [inTransaction, wrote] = [true, undefined]
    if (/^\s*rollback\b(?!\s+to\b)/i.test(sql)) [inTransaction, wrote] = [false, undefined]
    if (/^\s*(?:commit|end)\b/i.test(sql)) {
      const committed = wrote;
      [inTransaction, wrote] = [false, undefined]
      return committed
    }
    const kind = kindOf(sql, values)
    if (inTransaction && wrote !== 'journal') wrote = kind ?? wrote
    return kind
  }
}
