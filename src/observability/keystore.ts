import type { KeystoreStatistics } from '../tsb/keystore-statistics.ts'
import type { TsbError } from '../tsb/tsb-error.ts'

/** The statistics are asked of the HSM, which has other work to do. */
const ASK_EVERY_MS = 60_000
/** A TSB that refused will most likely refuse again: the service key may well be kept from this service. */
const AFTER_REFUSAL_MS = 3_600_000

/**
 * The statistics of the partition, asked at most once a minute however often they are read, and never while somebody reads: a scrape gets what
 * was answered last. What could not be had is undefined, and so are figures that are no longer true.
 * @param ask makes the call
 * @param failed is told why there are none
 * @param clock monotonic, in milliseconds
 */
export function cachedStatistics(
  ask: () => Promise<KeystoreStatistics>, failed: (reason: string) => void, clock: () => number = () => performance.now(),
): () => KeystoreStatistics | undefined {
  let known: KeystoreStatistics | undefined
  let nextAt = -Infinity

  const refresh = async (): Promise<void> => {
    try {
      known = await ask()
      nextAt = clock() + ASK_EVERY_MS
    } catch (error) {
      const { extras, message } = error as TsbError
      known = undefined
      nextAt = clock() + (extras?.upstream === undefined ? ASK_EVERY_MS : AFTER_REFUSAL_MS)
      failed(message)
    }
  }

  return () => {
    if (clock() >= nextAt) {
      // One at a time: nobody asks again before this one has ended.
      nextAt = Infinity
      void refresh()
    }
    return known
  }
}
