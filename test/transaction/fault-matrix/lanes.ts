import { setTimeout as delay } from 'node:timers/promises'

/** Runs work, at most so much of it at once. */
export type Lane = <T>(work: () => Promise<T>) => Promise<T>

/** @param width how many run at once; the others wait in order */
export function lanes(width: number): Lane {
  const waiting: (() => void)[] = []
  let free = width
  return async (work) => {
    if (free > 0) free -= 1
    else await new Promise<void>((resolve) => { waiting.push(resolve) })
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}

/** Where the event loop rested for a tenth of the last moments, there is room for more. */
const BUSY = 0.9
const MOMENT_MS = 2
/** Quiet may never come, and is no more than a courtesy. */
const MOST_MOMENTS = 20

const oneByOne = lanes(1)

/**
 * Waits for a moment in which this process has little to do. Most of a cell is waiting, for time-outs, pauses and debts, so many can run
 * side by side; but what starts in a crowd waits for the crowd's computing, and meets time-outs that are not the cell's own.
 */
export const quiet = (): Promise<void> => oneByOne(async () => {
  for (let moment = 0; moment < MOST_MOMENTS; moment += 1) {
    const before = performance.eventLoopUtilization()
    await delay(MOMENT_MS)
    if (performance.eventLoopUtilization(before).utilization < BUSY) return
  }
})
