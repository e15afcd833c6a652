import type { TsbCallRecord } from '../tsb/tsb.ts'

export interface TsbState {
  /** Is told of every request to the TSB. */
  note(record: TsbCallRecord): void
  /** How the last one went, and when; nobody asks the TSB for it. */
  current(): { readonly state: 'not asked yet' | 'answers' | 'fails' | 'does not answer'; readonly at?: string }
}

/**
 * Remembers how the TSB's last answer was, for readyz. It fails no replica: a fault of the one HSM must not empty all of them.
 * @param now the clock
 */
export function openTsbState(now: () => Date): TsbState {
  let current: ReturnType<TsbState['current']> = { state: 'not asked yet' }
  return {
    note({ outcome, status = 0 }) {
      const state = outcome !== 'answered' ? 'does not answer' : status >= 500 ? 'fails' : 'answers'
      current = { state, at: now().toISOString() }
    },
    current: () => current,
  }
}
