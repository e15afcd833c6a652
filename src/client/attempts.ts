import { BundleProblem, NoAnswer } from './errors.ts'
import type { ClientSettings } from './types.ts'

const FIRST_PAUSE_MS = 500
/** What a gateway or a load balancer says when the service behind it does not answer; 429 and 408 are a "later" too. */
const PASSING: ReadonlySet<number | undefined> = new Set([408, 429, 502, 503, 504])

/**
 * Whether another try can help. Of the service's own problems those that pass: 408, 429, 503, 504, and the transaction of this Idempotency-Key
 * that still runs. A 502 of the service is the TSB's answer, and comes again. Where a key was left that nobody may delete, a further
 * try could leave one more.
 */
export function canHelp(error: unknown): error is BundleProblem | NoAnswer {
  if (error instanceof NoAnswer) return error.reason !== 'foreign' || PASSING.has(error.status)
  if (!(error instanceof BundleProblem) || error.transaction?.rollback === 'impossible') return false
  return error.code === 'transaction-in-progress' || (error.status !== 502 && PASSING.has(error.status))
}

/**
 * How long to pause: what the answer asked for and up to a quarter more, or else twice as long each time, cut by up to a half, so that callers who
 * failed together do not come back together.
 * @param random from 0 to 1
 * @returns milliseconds
 */
export function pauseAfter({ retryAfterSeconds }: BundleProblem | NoAnswer, attempt: number, longestMs: number, random = Math.random()): number {
  if (retryAfterSeconds !== undefined) return retryAfterSeconds * 1_000 * (1 + random / 4)
  return Math.min(longestMs, FIRST_PAUSE_MS * 2 ** (attempt - 1)) * (1 - random / 2)
}

/**
 * Tries until one succeeds or none can help any more.
 * @param run makes the request anew; `attempt` counts from 1, `before` is how the last one failed
 * @throws what the last try threw, or the signal's reason
 */
export async function withAttempts<T>(
  { attempts = 5, longestPauseMs = 30_000, retrying, wait = pause }: ClientSettings, signal: AbortSignal | undefined,
  run: (attempt: number, before: unknown) => Promise<T>,
): Promise<T> {
  let before: unknown
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run(attempt, before)
    } catch (error) {
      signal?.throwIfAborted()
      if (attempt >= attempts || !canHelp(error) || (error.retryAfterSeconds ?? 0) * 1_000 > longestPauseMs) throw error
      const pauseMs = pauseAfter(error, attempt, longestPauseMs)
      retrying?.({ attempt, pauseMs, error })
      await wait(pauseMs, signal)
      before = error
    }
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => { clearTimeout(timer); reject(signal?.reason) }
    const timer = setTimeout(() => { signal?.removeEventListener('abort', end); resolve() }, ms)
    if (signal?.aborted === true) end()
    else signal?.addEventListener('abort', end, { once: true })
  })
}
