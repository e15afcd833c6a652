import type { Problem, ProblemCode } from './types.ts'

/** What both kinds of errors say about the request that failed. */
interface Attempted {
  /** Send it again with this key, and nothing is made twice. Undefined for requests that only read. */
  readonly idempotencyKey?: string | undefined
  /** How many tries there were. */
  readonly attempts: number
}

/** The service answered with a problem (RFC 9457), and another try cannot help or was not granted. `cause` is how the try before failed. */
export class BundleProblem extends Error implements Attempted {
  readonly code: ProblemCode
  readonly status: number
  readonly title: string
  readonly detail: string
  /** Path of the transaction. */
  readonly instance: Problem['instance']
  /** Which fields are refused, by JSON pointer. */
  readonly errors: NonNullable<Problem['errors']>
  /** How far it came, and in `rollback` what is left at the HSM. */
  readonly transaction: Problem['transaction']
  readonly upstream: Problem['upstream']
  /** The checks that failed, with `evidence-rejected`. */
  readonly verification: Problem['verification']
  /** Path of your own completed transaction that made the key, with `key-label-taken`. */
  readonly existing: Problem['existing']
  readonly retryAfterSeconds: number | undefined
  readonly idempotencyKey: string | undefined
  readonly attempts: number

  constructor(problem: Problem, retryAfterSeconds: number | undefined, { idempotencyKey, attempts }: Attempted, cause?: unknown) {
    super(`${problem.code}: ${problem.detail}`, cause === undefined ? undefined : { cause })
    this.name = 'BundleProblem'
    this.code = problem.code
    this.status = problem.status
    this.title = problem.title
    this.detail = problem.detail
    this.instance = problem.instance
    this.errors = problem.errors ?? []
    this.transaction = problem.transaction
    this.upstream = problem.upstream
    this.verification = problem.verification
    this.existing = problem.existing
    this.retryAfterSeconds = retryAfterSeconds
    this.idempotencyKey = idempotencyKey
    this.attempts = attempts
  }
}

/**
 * - `unreachable`: no connection, a connection that broke, or no answer in time
 * - `broken`: an answer that is not whole, or not what its `repr-digest` says
 * - `foreign`: an answer that is not this service's, such as a proxy's page
 */
export type NoAnswerReason = 'unreachable' | 'broken' | 'foreign'

/** There is no answer of the service. Whether it made a bundle is not known: send the same order with the same `idempotencyKey` to find out. */
export class NoAnswer extends Error implements Attempted {
  readonly reason: NoAnswerReason
  /** The HTTP status of a foreign answer. */
  readonly status: number | undefined
  readonly retryAfterSeconds: number | undefined
  readonly idempotencyKey: string | undefined
  readonly attempts: number

  constructor(
    reason: NoAnswerReason, message: string, { idempotencyKey, attempts }: Attempted,
    { status, retryAfterSeconds, cause }: { status?: number; retryAfterSeconds?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'NoAnswer'
    this.reason = reason
    this.status = status
    this.retryAfterSeconds = retryAfterSeconds
    this.idempotencyKey = idempotencyKey
    this.attempts = attempts
  }
}
