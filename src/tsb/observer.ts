import type { TsbRequest } from './http.ts'

/** How a request ended. `not-sent`: it was kept back, because its transaction is not this process's any more. */
export interface TsbCallEnd {
  readonly status?: number
  readonly outcome: 'answered' | 'not-sent' | 'tsb-timeout' | 'tsb-unavailable' | 'tsb-invalid-response'
}

/** Watches every single request to the TSB, repeated ones included, for logs, metrics and traces. It is never given a credential or a body. */
export interface TsbObserver {
  /**
   * A request is about to leave.
   * @param request `url`: where it goes; `template`: its path, with a name in place of what differs from call to call
   * @returns headers that the request carries, and what to call once when it has ended
   */
  leaves(request: Required<Pick<TsbRequest, 'call' | 'method' | 'template'>> & { readonly url: string }): {
    readonly headers: Readonly<Record<string, string>>
    ended(end: TsbCallEnd): void
  }
  /**
   * The HSM has just attested a key.
   * @param attestTime when, as the HSM wrote it by its own clock; whatever the answer holds there
   * @param elapsedMs how long ago at most that was: the time since the call was made
   */
  attested(attestTime: unknown, elapsedMs: number): void
}

export const UNWATCHED: TsbObserver = { leaves: () => ({ headers: {}, ended: () => {} }), attested: () => {} }
