/** How much is asked for. */
export interface Load {
  /** How many ask at once; each asks again as soon as it has its bundle. */
  readonly callers: number
  readonly durationMs: number
  /** Over how long the callers' first requests are spread: with a slow TSB all would otherwise come at the same moment, again and again. */
  readonly spreadMs: number
  /** No more than so many bundles for each caller; only a test sets it. */
  readonly each?: number
}

/** What came of it. */
export interface LoadResult {
  readonly bundles: number
  readonly bundlesPerSecond: number
  /** Of each bundle, in milliseconds, ascending. */
  readonly latenciesMs: readonly number[]
}

/**
 * Runs callers until their time is over, and lets each finish the bundle that it began.
 * @param one makes one bundle, or throws: a bench of failures is worth nothing
 */
export async function runLoad({ callers, durationMs, spreadMs, each = Number.POSITIVE_INFINITY }: Load, one: () => Promise<void>): Promise<LoadResult> {
  const begin = performance.now()
  const end = begin + durationMs
  const latencies: number[] = []
  let last = begin
  const call = async (index: number): Promise<void> => {
    if (spreadMs > 0) await new Promise((resolve) => { setTimeout(resolve, spreadMs * index / callers) })
    for (let made = 0; made < each && performance.now() < end; made += 1) {
      const start = performance.now()
      await one()
      last = performance.now()
      latencies.push(last - start)
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, index) => call(index)))
  const bundles = latencies.length
  // With a slow TSB not all are at work while they come, nor while the last ones wait; Little's law says what they do when they are.
  const perMs = spreadMs > 0 ? callers * bundles / latencies.reduce((sum, ms) => sum + ms, 0) : bundles / (last - begin)
  return { bundles, bundlesPerSecond: perMs * 1_000, latenciesMs: latencies.sort((one, other) => one - other) }
}

/** Does what its parent says, one load after the other, until that lets go of it. */
export function serveLoads(one: () => Promise<void>): void {
  process.on('message', (load: Load) => {
    void runLoad(load, one).then(
      (result) => process.send?.(result),
      (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
    )
  })
  process.on('disconnect', () => { process.exit() })
  process.send?.({ ready: true })
}
