/**
 * Every problem that this service can answer, in one table (RFC 9457). `docs/errors.md` and the OpenAPI document are
 * compared with it by tests. Titles never change with the case; what is particular to one case goes into `detail`.
 */
export const PROBLEMS = {
  'invalid-request': { status: 400, title: 'The request is malformed' },
  unauthenticated: { status: 401, title: 'No valid credential' },
  forbidden: { status: 403, title: 'This caller may not use this label' },
  'not-found': { status: 404, title: 'There is no such resource' },
  'method-not-allowed': { status: 405, title: 'This method is not allowed here' },
  'not-acceptable': { status: 406, title: 'None of the accepted media types can be given' },
  'request-timeout': { status: 408, title: 'The request did not arrive in time' },
  'key-label-taken': { status: 409, title: 'A key or a transaction holds this label' },
  'transaction-in-progress': { status: 409, title: 'A transaction with this Idempotency-Key is not finished', retryAfterSeconds: 5 },
  'bundle-not-available': { status: 409, title: 'This transaction has no bundle' },
  'bundle-expired': { status: 410, title: 'The bundle is no longer kept' },
  'payload-too-large': { status: 413, title: 'The request body is too large' },
  'uri-too-long': { status: 414, title: 'The request target is too long' },
  'unsupported-media-type': { status: 415, title: 'The request body must be application/json' },
  'idempotency-key-reused': { status: 422, title: 'This Idempotency-Key was used with another body' },
  'key-not-attestable': { status: 422, title: 'A key like this could never be attested as a QTSP asks' },
  'profile-violated': { status: 422, title: 'The request breaks a rule of the chosen profile' },
  'rollback-impossible': { status: 422, title: 'A key like this could not be taken back' },
  'tsb-rejected': { status: 422, title: 'The TSB refused the request' },
  'too-many-requests': { status: 429, title: 'Too many requests', retryAfterSeconds: 30 },
  'headers-too-large': { status: 431, title: 'The request headers are too large' },
  'internal-error': { status: 500, title: 'The service failed' },
  'tsb-unauthorized': { status: 502, title: "The TSB refused this service's credentials" },
  'tsb-invalid-response': { status: 502, title: 'The TSB answered what is no TSB answer' },
  'tsb-error': { status: 502, title: 'The TSB failed' },
  'evidence-rejected': { status: 502, title: 'The evidence does not hold' },
  'tsb-unavailable': { status: 503, title: 'The TSB cannot be reached', retryAfterSeconds: 10 },
  overloaded: { status: 503, title: 'Too many transactions at once', retryAfterSeconds: 5 },
  'shutting-down': { status: 503, title: 'This instance is stopping', retryAfterSeconds: 5 },
  'journal-unavailable': { status: 503, title: 'The journal cannot be written', retryAfterSeconds: 10 },
  'authentication-unavailable': { status: 503, title: 'The credential cannot be checked now', retryAfterSeconds: 10 },
  'tsb-timeout': { status: 504, title: 'The TSB did not answer in time' },
} as const satisfies Record<string, { status: number; title: string; retryAfterSeconds?: number }>

export type ProblemCode = keyof typeof PROBLEMS

export const PROBLEM_CODES = Object.keys(PROBLEMS) as ProblemCode[]

/** What is left at the HSM after a transaction that failed (design: the five promises). */
export type Rollback = 'done' | 'not-needed' | 'pending' | 'impossible'

/** What the TSB said, as far as it may leave the service. */
export interface Upstream {
  readonly status: number
  readonly errorCode?: number
  readonly reason?: string
  readonly message?: string
}

export interface FieldError {
  /** RFC 6901 pointer into the request body. */
  readonly pointer: string
  /** What is expected there. Never the value that was refused. */
  readonly detail: string
}

/** The members beside type, title, status and detail that a problem may have. */
export interface ProblemExtras {
  readonly instance?: string
  readonly errors?: readonly FieldError[]
  readonly transaction?: { readonly id: string; readonly step: string; readonly rollback: Rollback }
  readonly upstream?: Upstream
  readonly verification?: { readonly verdict: string; readonly checks: readonly { readonly id: string; readonly outcome: string; readonly detail: string }[] }
  /** Path of the caller's own completed transaction that made the key. */
  readonly existing?: string
  readonly retryAfterSeconds?: number
}

/** An error that has an answer: `code` picks the row of the table, `detail` speaks of the one case and holds no secret. */
export class ProblemError extends Error {
  readonly code: ProblemCode
  readonly detail: string
  readonly extras: ProblemExtras

  constructor(code: ProblemCode, detail: string, extras: ProblemExtras = {}, cause?: unknown) {
    super(`${code}: ${detail}`, cause === undefined ? undefined : { cause })
    this.name = 'ProblemError'
    this.code = code
    this.detail = detail
    this.extras = extras
  }
}

/** Whether a step that failed may have changed something at the HSM. `none` only where the TSB documents it or nothing was sent. */
export type Effect = 'none' | 'unknown'

/** Names what a failure may have changed. Unknown is the default: only an error that says `none` itself is believed. */
export function effectOf(error: unknown): Effect {
  return error instanceof Error && 'effect' in error && error.effect === 'none' ? 'none' : 'unknown'
}
