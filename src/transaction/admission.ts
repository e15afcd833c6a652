import { ProblemError } from '../errors.ts'

export interface Admission {
  /**
   * Waits for a place.
   * @param left ends the wait: a caller who leaves the queue is dropped
   * @returns gives the place back; call it exactly once
   * @throws ProblemError `overloaded` at once where the queue is full, `shutting-down` once the service stops
   */
  enter(left: AbortSignal): Promise<() => void>
  running(): number
  queued(): number
  /** From now on nobody enters, and who waits is turned away. Resolves when the last one inside has left. */
  close(): Promise<void>
}

/**
 * A limit on transactions at once and a bounded queue, first come first served, in front of it.
 * @param maxRunning transactions at once
 * @param maxQueued callers that may wait
 */
export function openAdmission(maxRunning: number, maxQueued: number): Admission {
  interface Waiting { readonly go: () => void; readonly turnAway: () => void }
  const queue = new Set<Waiting>()
  let running = 0
  let closed = false
  const empty = Promise.withResolvers<void>()

  const leave = (): void => {
    running -= 1
    if (closed && running === 0) empty.resolve()
    const next = queue.values().next().value
    if (next !== undefined) {
      queue.delete(next)
      next.go()
    }
  }
  const shuttingDown = (): ProblemError => new ProblemError('shutting-down', 'this instance takes no new transactions')
  const enterNow = (): (() => void) => {
    running += 1
    let done = false
    return () => { if (!done) { done = true; leave() } }
  }

  return {
    async enter(left) {
      if (closed) throw shuttingDown()
      if (running < maxRunning) return enterNow()
      if (queue.size >= maxQueued) throw new ProblemError('overloaded', `${running} transactions run and ${queue.size} callers wait`)
      return new Promise((resolve, reject) => {
        const abandon = (): void => { queue.delete(waiting); reject(new ProblemError('overloaded', 'the caller left the queue')) }
        const waiting: Waiting = {
          go: () => { left.removeEventListener('abort', abandon); resolve(enterNow()) },
          turnAway: () => { left.removeEventListener('abort', abandon); reject(shuttingDown()) },
        }
        if (left.aborted) { reject(new ProblemError('overloaded', 'the caller left the queue')); return }
        left.addEventListener('abort', abandon, { once: true })
        queue.add(waiting)
      })
    },
    running: () => running,
    queued: () => queue.size,
    close() {
      closed = true
      for (const waiting of queue) waiting.turnAway()
      queue.clear()
      if (running === 0) empty.resolve()
      return empty.promise
    },
  }
}
