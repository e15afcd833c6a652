import type { CallName } from './calls.ts'

interface Body {
  /** Text as it is, anything else as JSON; no body when undefined. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** What can go wrong with a call. "Acts" means that the TSB does what was asked, whatever the caller gets to see. */
export type FaultKind =
  /** The connection is reset and nothing is done. */
  | { readonly kind: 'reset-before' }
  /** Acts, then resets the connection. */
  | { readonly kind: 'reset-after' }
  /** Never answers, nothing is done. */
  | { readonly kind: 'hang-before' }
  /** Acts, never answers. */
  | { readonly kind: 'hang-after' }
  /** Never answers, and acts only when the test calls `releaseLate()`. */
  | { readonly kind: 'late' }
  /** Answers this and does nothing. */
  | ({ readonly kind: 'status'; readonly status: number } & Body)
  /** Acts, then answers this. */
  | ({ readonly kind: 'status-after'; readonly status: number } & Body)
  /** 401 without a body; nothing is done. */
  | { readonly kind: 'unauthorized-bare' }
  /** 404 without a body, so without 650; nothing is done. */
  | { readonly kind: 'not-found-bare' }
  /** 500 with 701; nothing is done. */
  | { readonly kind: 'hsm-error'; readonly message?: string }
  /** 503 with a proxy's HTML page; nothing is done. */
  | { readonly kind: 'unavailable' }
  /** Acts, answers the success status without a body. */
  | { readonly kind: 'empty-body' }
  /** Acts, answers 200 with broken JSON, or random bytes where a file is due. */
  | { readonly kind: 'garbage' }
  /** Acts, then breaks off in the middle of the body. */
  | { readonly kind: 'truncated-body' }
  /** Acts, answers 200 with JSON of another shape. */
  | { readonly kind: 'wrong-content' }
  /** Acts, answers 200 with an HTML page. */
  | { readonly kind: 'html' }
  /** 302 to another address, by default one of the simulator's own (which then shows in `requests`); nothing is done. */
  | { readonly kind: 'redirect'; readonly location?: string }
  /** 200 and a body without end; nothing is done. */
  | { readonly kind: 'huge' }
  /** Waits, then acts and answers, whether the caller is still there or not. */
  | { readonly kind: 'slow'; readonly delayMs: number }

export type Fault = FaultKind & {
  /** How many calls it meets; 1 by default, Infinity possible. */
  readonly times?: number
  /** How many calls pass before it starts; 0 by default. */
  readonly skip?: number
}

export interface Faults {
  /** Puts faults on a call, in place of those that it had. Several take effect one after the other. */
  set(call: CallName, ...faults: readonly Fault[]): void
  /** Takes the faults off one call, or off all. */
  clear(call?: CallName): void
  /**
   * Faults of their own for calls that name a label which begins so: transactions that run side by side can fail each in its own way. They
   * come before the faults of all calls; `set` and `clear` of the one leave the other alone.
   */
  under(label: string): Pick<Faults, 'set' | 'clear'>
}

/** The book of faults still to come. `next` is for the server: it counts one call and says what shall happen to it. */
export function createFaults(): Faults & { next: (call: CallName, label?: string) => FaultKind | undefined } {
  const all = createBook()
  const books = new Map<string, ReturnType<typeof createBook>>()
  return {
    set: all.set,
    clear: all.clear,
    under(label) {
      const book = books.get(label) ?? createBook()
      books.set(label, book)
      return book
    },
    next(call, label = '') {
      const [, own] = [...books].find(([beginning, book]) => label.startsWith(beginning) && book.has(call)) ?? []
      return (own ?? all).next(call)
    },
  }
}

function createBook() {
  const waiting = new Map<CallName, { fault: Fault; skip: number; times: number }[]>()
  const queueOf = (call: CallName) => {
    const queue = waiting.get(call) ?? []
    while (queue[0] !== undefined && queue[0].times <= 0) queue.shift()
    return queue
  }
  return {
    set(call: CallName, ...faults: readonly Fault[]): void {
      waiting.set(call, faults.map((fault) => ({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 })))
    },
    clear(call?: CallName): void {
      if (call === undefined) waiting.clear()
      else waiting.delete(call)
    },
    has: (call: CallName): boolean => queueOf(call).length > 0,
    next(call: CallName): FaultKind | undefined {
      const [head] = queueOf(call)
      if (head === undefined) return undefined
      if (head.skip > 0) {
        head.skip -= 1
        return undefined
      }
      head.times -= 1
      return head.fault
    },
  }
}
