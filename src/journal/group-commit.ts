import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'

export interface GroupCommit {
  /**
   * Changes something, and answers once that is on the disk.
   * @param work statements that stand for themselves; run later, in the order of the calls
   * @throws what the work threw, which then changed nothing; SQLITE_BUSY where another process held the file for too long; what COMMIT threw,
   * and then nobody knows whether it is on the disk
   */
  write<T>(work: () => T): Promise<T>
  /** Looks at what is on the disk: nobody may act on what a crash can still undo. @throws as `write` */
  read<T>(work: () => T): Promise<T>
  /** Writes and commits what waits. */
  flush(): void
}

/** Where another process writes, a command of the operator's or a backup, and how long that is waited for. */
export interface Patience {
  /** Whether an error says that another one holds the file. */
  isBusy(error: unknown): boolean
  readonly busyMs: number
}

/** Others' writes take about as long. */
const AGAIN_MS = 2

/**
 * Does work on a database without a busy time-out, again and again while another one holds the file. SQLite's own wait would hold this thread.
 * @throws what the work threw; the fault that says busy, once `busyMs` have passed
 */
export async function patiently<T>({ isBusy, busyMs }: Patience, work: () => T): Promise<T> {
  for (const last = performance.now() + busyMs; ;) {
    try {
      return work()
    } catch (error) {
      if (!isBusy(error) || performance.now() >= last) throw error
    }
    await delay(AGAIN_MS)
  }
}

/** For who has the database to itself, in a transaction of its own: the migrations. */
export const UNGROUPED: GroupCommit = {
  write: async (work) => work(),
  read: async (work) => work(),
  flush: () => { /* nothing waits */ },
}

interface Waiting {
  readonly since: number
  /** Does the work. @returns what to call once it is durable */
  run(): () => void
  fail(error: unknown): void
}

/**
 * Lets writes share a COMMIT, and so a wait for the disk: each is a statement that stands for itself, and none is answered before it is
 * durable. SQLite works on this process's only thread, so a wait for each write would hold up all transactions for each step of every one.
 * @param database in WAL mode with `synchronous=full` and no busy time-out, and written through this alone
 */
export function openGroupCommit(database: DatabaseSync, patience: Patience): GroupCommit {
  let waiting: Waiting[] = []
  let planned = false

  /** Always from an event of its own, so that what comes in the same turn of the event loop shares the commit. */
  const plan = (ms: number): void => {
    planned = true
    const go = (): void => {
      planned = false
      flush()
    }
    if (ms > 0) setTimeout(go, ms)
    else setImmediate(go)
  }
  const commit = (group: readonly Waiting[]): void => {
    const done = group.map((each) => {
      try {
        return each.run()
      } catch (error) {
        // A statement that is refused leaves the others' work alone, but some faults (a full disk) take the whole transaction back
        // (sqlite.org/lang_transaction.html, section 3).
        if (!database.isTransaction) throw error
        return () => { each.fail(error) }
      }
    })
    database.exec('commit')
    for (const answer of done) answer()
  }
  const flush = (): void => {
    if (waiting.length === 0) return
    const begun = performance.now()
    try {
      database.exec('begin immediate')
    } catch (error) {
      const busy = patience.isBusy(error)
      const isOver = ({ since }: Waiting): boolean => !busy || begun - since >= patience.busyMs
      for (const each of waiting.filter(isOver)) each.fail(error)
      waiting = waiting.filter((each) => !isOver(each))
      if (waiting.length > 0 && !planned) plan(AGAIN_MS)
      return
    }
    const group = waiting
    waiting = []
    try {
      commit(group)
    } catch (error) {
      if (database.isTransaction) database.exec('rollback')
      for (const each of group) each.fail(error)
    }
  }

  return {
    flush,
    read: (work) => patiently(patience, work),
    write<T>(work: () => T) {
      const { promise, resolve, reject } = Promise.withResolvers<T>()
      waiting.push({
        since: performance.now(),
        run() {
          const result = work()
          return () => { resolve(result) }
        },
        fail: reject,
      })
      if (!planned) plan(0)
      return promise
    },
  }
}
