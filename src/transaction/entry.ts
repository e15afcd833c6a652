import { ProblemError } from '../errors.ts'
import type { Change, Claim, Journal, TransactionState } from '../journal/journal.ts'

/** Another process took this transaction over, because its lease ran out: nothing may be done in its name any more. */
export class RowLost extends ProblemError {
  constructor() {
    super('journal-unavailable', 'this transaction was taken over by a recovery because its lease ran out')
    this.name = 'RowLost'
  }
}

/** A write that went unanswered had landed, and the transaction is committed. */
export class AlreadyCommitted extends Error {}

/** The row of one running transaction, and the right to write to it. Its writes go one after the other. */
export interface Entry {
  readonly id: string
  state(): TransactionState
  /** Another process took the row over. */
  lost(): boolean
  /**
   * One compare-and-set.
   * @throws RowLost; ProblemError `journal-unavailable` where it is not known whether the write landed
   */
  write(change: Change): Promise<void>
  /**
   * Writes a state down where it lasts, and lets nobody wait: for one that no recovery needs and an operator only reads. The next write goes
   * in its place, or follows it and finds out where it failed.
   */
  note(state: TransactionState): void
  /** When the last successful write was sent, by the monotonic clock: for a lease from then nobody else can have the row. */
  provenAt(): number
  /**
   * Reads on a new connection where the row stands, after a write that went unanswered.
   * @throws RowLost; ProblemError `journal-unavailable`
   */
  reread(): Promise<TransactionState>
}

/** An unanswered write can still land between a look at the row and the next write, so each look may be outdated once per such write. */
const MOST_LOOKS = 3
/** Whoever looks at a transaction looks at one that stands still for longer than this. */
const NOTED_AFTER_MS = 500

/**
 * @param journal where the row is
 * @param first the claim that `begin` gave
 * @param sentAt when `begin` was sent, by the monotonic clock
 * @param notedAfterMs how long a state lasts before it is noted
 */
export function openEntry(journal: Journal, first: Claim, sentAt: number, notedAfterMs = NOTED_AFTER_MS): Entry {
  let claim = first
  let lost = false
  let unanswered = false
  let provenAt = sentAt
  let timer: NodeJS.Timeout | undefined
  /** The note that is on its way. */
  let noted: Promise<void> | undefined

  const lose = (): RowLost => {
    lost = true
    return new RowLost()
  }
  const attempt = async (change: Change): Promise<boolean> => {
    const sent = performance.now()
    try {
      const next = await journal.write(claim, change)
      if (next === undefined) return false
      claim = next
      provenAt = sent
      unanswered = false
      return true
    } catch (error) {
      unanswered = true
      throw error
    }
  }
  const reread = async (): Promise<TransactionState> => {
    const now = await journal.readAnew(claim.id)
    // Only who holds the number writes under it: what differs while it is the same was written by ourselves.
    if (now?.fence !== claim.fence) throw lose()
    claim = now
    return now.state
  }

  const write = async (change: Change): Promise<void> => {
    if (lost) throw new RowLost()
    if (await attempt(change)) return
    for (let look = 0; unanswered && look < MOST_LOOKS; look++) {
      const state = await reread()
      if (state === 'committed') throw new AlreadyCommitted()
      if (state === 'rolled-back' || state === 'abandoned') return
      if (await attempt(change)) return
    }
    throw lose()
  }
  return {
    id: first.id,
    state: () => claim.state,
    lost: () => lost,
    provenAt: () => provenAt,
    reread,
    async write(change) {
      clearTimeout(timer)
      await noted
      await write(change)
    },
    note(state) {
      clearTimeout(timer)
      timer = setTimeout(() => {
        // Whoever waits for a journal that hangs should wait for one note at most.
        if (noted !== undefined) return
        // What fails here is met by the next write: the row is lost, or the note was not answered.
        noted = write({ state }).catch(() => undefined).finally(() => { noted = undefined })
      }, notedAfterMs).unref()
    },
  }
}
