import type { OrderBody, Problem, TransactionView } from './contract.ts'

export type { Problem, TransactionView }
export type ProblemCode = Problem['code']

/** What to make, in the fields of the request body, but for the label: that is a parameter of its own. */
export interface Order {
  readonly key?: Omit<OrderBody['key'], 'label' | 'labelPrefix'>
  readonly csr: Omit<OrderBody['csr'], 'signKeyName' | 'keyPassword'>
  readonly profile?: NonNullable<OrderBody['profile']>
}

/** A zip whose bytes are what `repr-digest` says. */
export interface Bundle {
  /** The transaction that made it. */
  readonly id: string
  /** The key's label at the HSM. */
  readonly label: string
  /** Letters, digits, dots, hyphens and underscores: safe as a file name. */
  readonly fileName: string
  readonly bytes: Uint8Array<ArrayBuffer>
  /** SHA-256 of the bytes, in lower-case hex. */
  readonly sha256: string
}

export interface IssuedBundle extends Bundle {
  /** Whether the bundle was there already: an earlier try made it, and its answer was lost. */
  readonly replayed: boolean
  readonly idempotencyKey: string
}

export interface RequestOptions {
  /** Ends the request and every pause. What the service has begun with an Idempotency-Key goes on there. */
  readonly signal?: AbortSignal
}

export interface IssueOptions extends RequestOptions {
  /** 1 to 255 visible ASCII characters; a new UUID by default. Give your own, and keep it, to find the same bundle after a crash of yours. */
  readonly idempotencyKey?: string
}

/** A try that failed and is going to be repeated. */
export interface Retry {
  /** 1 for the first try. */
  readonly attempt: number
  readonly pauseMs: number
  readonly error: Error
}

export interface ClientSettings {
  /** Where the service is, with the path in front of `/v1` where there is one. */
  readonly url: string
  /** The `authorization` header; a function is asked before each try, so that a token can be renewed. */
  readonly authorization?: string | (() => string | Promise<string>)
  /** Tries at most, the first included; 5 by default. */
  readonly attempts?: number
  /** The longest pause between two tries, in milliseconds; 30 000 by default. A longer `retry-after` is not waited for. */
  readonly longestPauseMs?: number
  /** How long one try may take, in milliseconds; 180 000 by default: the service's own limit for a transaction and its rollback, and a margin. */
  readonly answerWithinMs?: number
  /** Is told of each try that will be repeated. */
  readonly retrying?: (retry: Retry) => void
  /** For client certificates, proxies and tests; the platform's by default. */
  readonly fetch?: typeof globalThis.fetch
  /** For tests: waits, or rejects with the signal's reason. */
  readonly wait?: (ms: number, signal: AbortSignal | undefined) => Promise<void>
}
