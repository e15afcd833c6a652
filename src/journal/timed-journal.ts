import type { Journal } from './journal.ts'

/** One operation of the journal, for metrics. */
export interface JournalOperation {
  readonly operation: keyof Journal
  readonly durationMs: number
  readonly outcome: 'done' | 'failed'
}

/**
 * Times what transactions and recovery do with a journal. Operators' commands are not timed: they run in another process.
 * @param tell is told of each operation when it has ended
 */
export function timedJournal(journal: Journal, tell: (operation: JournalOperation) => void): Journal {
  const timed = <A extends readonly unknown[], R>(operation: keyof Journal, run: (...given: A) => Promise<R>) => async (...given: A): Promise<R> => {
    const started = performance.now()
    const ended = (outcome: JournalOperation['outcome']): void => tell({ operation, outcome, durationMs: performance.now() - started })
    try {
      const result = await run(...given)
      ended('done')
      return result
    } catch (error) {
      ended('failed')
      throw error
    }
  }
  return {
    ...journal,
    begin: timed('begin', (row) => journal.begin(row)),
    write: timed('write', (claim, change) => journal.write(claim, change)),
    noteSteps: timed('noteSteps', (id, steps) => journal.noteSteps(id, steps)),
    readAnew: timed('readAnew', (id) => journal.readAnew(id)),
    beat: timed('beat', (held) => journal.beat(held)),
    takeOver: timed('takeOver', (limit, except) => journal.takeOver(limit, except)),
    countInherited: timed('countInherited', () => journal.countInherited()),
    reopen: timed('reopen', (id, reopened) => journal.reopen(id, reopened)),
    find: timed('find', (caller, id) => journal.find(caller, id)),
    findByIdempotencyKey: timed('findByIdempotencyKey', (caller, key) => journal.findByIdempotencyKey(caller, key)),
    findCommitted: timed('findCommitted', (caller, label) => journal.findCommitted(caller, label)),
    list: timed('list', (caller, label) => journal.list(caller, label)),
    count: timed('count', () => journal.count()),
    expireBundles: timed('expireBundles', () => journal.expireBundles()),
  }
}
