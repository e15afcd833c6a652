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
