import type { TsbObserver } from '../tsb/observer.ts'

export interface TsbState extends TsbObserver {
  /** How the last request to the TSB went, and when; nobody asks the TSB for it. */
  current(): { readonly state: 'not asked yet' | 'answers' | 'fails' | 'does not answer'; readonly at?: string }
}

/**
 * Remembers how the TSB's last answer was, for readyz. It fails no replica: a fault of the one HSM must not empty all of them.
 * @param now the clock
 * @param watched is told of everything, too
 */
export function openTsbState(now: () => Date, watched: TsbObserver): TsbState {
  let current: ReturnType<TsbState['current']> = { state: 'not asked yet' }
  return {
    ...watched,
    leaves(request) {
      const { headers, ended } = watched.leaves(request)
      return {
        headers,
        ended(end) {
          const { outcome, status = 0 } = end
          ended(end)
          if (outcome === 'not-sent') return
          const state = outcome !== 'answered' ? 'does not answer' : status >= 500 ? 'fails' : 'answers'
          current = { state, at: now().toISOString() }
        },
      }
    },
    current: () => current,
  }
}
