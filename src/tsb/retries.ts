import { setTimeout as delay } from 'node:timers/promises'
import { TsbError } from './tsb-error.ts'

/** Pauses before the second and the third try, in milliseconds; each is stretched by up to the same again, so that replicas don't march in step. */
const PAUSES = [150, 500]

/**
 * Repeats a call that may be repeated (reading, CSR, attestation, deletion; never create-key), at most two more times, where it broke for a
 * passing reason: reset, time-out, 429, 502, 503, 504 or one of the TSB's technical codes.
 * @param run makes the call anew
 * @param signal ends the pauses too: no try outlives the transaction's deadline
 * @throws what the last try threw
 */
export async function withRetries<T>(run: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (const pause of PAUSES) {
    try {
      return await run()
    } catch (error) {
      if (!(error instanceof TsbError) || !error.transient || signal?.aborted === true) throw error
      const waited = await delay(pause * (1 + Math.random()), true, signal && { signal }).catch(() => false)
      if (!waited) throw error
    }
  }
  return run()
}
