import { randomUUID } from 'node:crypto'
import { ProblemError } from '../errors.ts'
import { countInherited, reopen, takeOne, takeOver, writeOff } from './claims.ts'
import type { Context, Engine } from './engine.ts'
import type { Journal, JournalOptions } from './journal.ts'
import { count, find, findAny, findByIdempotencyKey, findCommitted, list, listAll } from './reads.ts'
import { checkChange } from './transitions.ts'
import { beat, begin, expireBundles, noteSteps, readAnew, write } from './writes.ts'

/**
 * The journal over either engine.
 * @returns the interface; what the database throws becomes ProblemError `journal-unavailable`, with the database's error as its cause
 */
export function sqlJournal(engine: Engine, { tsb, leaseMs, retentionMs }: JournalOptions): Journal {
  const context: Context = { engine, tsb, leaseMs, retentionMs, owner: randomUUID() }
  const answering = <A extends unknown[], T>(method: (context: Context, ...args: A) => Promise<T>) => async (...args: A): Promise<T> => {
    try {
      return await method(context, ...args)
    } catch (error) {
      // The cause may name hosts, tables and labels; the detail, which leaves the service, must not.
      if (error instanceof ProblemError) throw error
      throw new ProblemError('journal-unavailable', 'the journal cannot be read or written', {}, error)
    }
  }
  const writing = answering(write)
  return {
    begin: answering(begin),
    async write(claim, change) {
      checkChange(claim, change)
      return await writing(claim, change)
    },
    noteSteps: answering(noteSteps),
    readAnew: answering(readAnew),
    beat: answering(beat),
    takeOver: answering(takeOver),
    countInherited: answering(countInherited),
    reopen: answering(reopen),
    find: answering(find),
    findByIdempotencyKey: answering(findByIdempotencyKey),
    findCommitted: answering(findCommitted),
    list: answering(list),
    count: answering(count),
    expireBundles: answering(expireBundles),
    listAll: answering(listAll),
    findAny: answering(findAny),
    takeOne: answering(takeOne),
    writeOff: answering(writeOff),
    close: answering(() => engine.close()),
  }
}
