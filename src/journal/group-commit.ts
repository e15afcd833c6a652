import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'

export interface GroupCommit {
  /**
   * Does work on the database, and answers once what it did, or saw, is on the disk.
   * @param writes whether it changes anything
   * @throws what the work threw, which then changed nothing; SQLITE_BUSY where another process held the file for too long; what COMMIT threw,
   * and then nobody knows whether it is on the disk
   */
  run<T>(writes: boolean, work: () => T): Promise<T>
  /** Commits what is open. */
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

interface Waiting {
  answer(): void
  fail(error: unknown): void
}

/**
 * Lets the writes that come in one turn of the event loop share a COMMIT, and so one wait for the disk: each is a statement that stands for
 * itself, and none is answered before it is durable. SQLite works on this process's only thread, so a wait for each write would hold up all
 * transactions for each step of every one. What is read meanwhile waits as well: nobody may act on what a crash can still undo.
 * @param database in WAL mode with `synchronous=full` and no busy time-out, and used through this alone
 */
export function openGroupCommit(database: DatabaseSync, patience: Patience): GroupCommit {
  let group: Waiting[] | undefined
  let opening: Promise<void> | undefined

  const end = (settle: (waiting: Waiting) => void): void => {
    const ended = group
    group = undefined
    ended?.forEach(settle)
  }
  const flush = (): void => {
    if (group === undefined) return
    try {
      database.exec('commit')
      end((waiting) => { waiting.answer() })
    } catch (error) {
      if (database.isTransaction) database.exec('rollback')
      end((waiting) => { waiting.fail(error) })
    }
  }
  const open = (): void => {
    database.exec('begin immediate')
    group = []
    setImmediate(flush)
  }
  /** At once where that is possible, so that nobody overtakes whoever came first. */
  const openNow = (): void => {
    try {
      open()
    } catch (error) {
      if (!patience.isBusy(error)) throw error
      opening = patiently(patience, open).finally(() => { opening = undefined })
    }
  }

  return {
    flush,
    async run(writes, work) {
      // In a transaction of somebody else's, the migrations', everything is direct.
      if (group === undefined && (!writes || database.isTransaction)) return patiently(patience, work)
      if (group === undefined && opening === undefined) openNow()
      while (group === undefined) {
        await opening
        if (group === undefined && opening === undefined) openNow()
      }
      const { promise, resolve, reject } = Promise.withResolvers<ReturnType<typeof work>>()
      const mine = group
      try {
        const result = work()
        mine.push({ answer: () => { resolve(result) }, fail: reject })
      } catch (error) {
        mine.push({ answer: () => { reject(error as Error) }, fail: reject })
        // A statement that is refused leaves the others' work alone, but some faults (a full disk) take the whole transaction back
        // (sqlite.org/lang_transaction.html, section 3).
        if (!database.isTransaction) end((waiting) => { waiting.fail(error) })
      }
      return promise
    },
  }
}
