import { BundleProblem, NoAnswer } from './errors.ts'
import type { ClientSettings, Problem } from './types.ts'

/** One request, the same at every try. */
export interface ClientRequest {
  readonly method: 'GET' | 'POST'
  /** Below the service's URL. */
  readonly path: string
  readonly accept: string
  /** JSON. */
  readonly body?: string
  readonly idempotencyKey?: string
  readonly signal: AbortSignal | undefined
}

/** An answer that is a success, read to its end. */
export interface Success {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Uint8Array<ArrayBuffer>
}

export interface Attempt {
  readonly idempotencyKey: string | undefined
  readonly attempts: number
  /** How the try before failed. */
  readonly cause: unknown
}

/**
 * Sends a request once and reads the answer to its end.
 * @throws BundleProblem where the service says no; NoAnswer where it says nothing that can be used
 */
export async function exchange(settings: ClientSettings, request: ClientRequest, attempt: Attempt): Promise<Success> {
  const { method, path, accept, body, idempotencyKey, signal } = request
  const { answerWithinMs = 180_000, fetch: send = globalThis.fetch } = settings
  const authorization = typeof settings.authorization === 'function' ? await settings.authorization() : settings.authorization
  const timeout = AbortSignal.timeout(answerWithinMs)
  let status: number | undefined
  try {
    const answer = await send(urlOf(settings.url, path), {
      method,
      headers: {
        accept,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
        ...(authorization !== undefined && { authorization }),
      },
      ...(body !== undefined && { body }),
      // A redirect would repeat the order somewhere else, or as a GET.
      redirect: 'manual',
      cache: 'no-store',
      signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
    })
    status = answer.status
    const bytes = new Uint8Array(await answer.arrayBuffer())
    if (answer.ok) return { status, headers: answer.headers, bytes }
    throw failure(answer, bytes, attempt)
  } catch (error) {
    if (error instanceof BundleProblem || error instanceof NoAnswer) throw error
    const [reason, message] = status === undefined
      ? ['unreachable', timeout.aborted ? `no answer within ${answerWithinMs} ms` : 'the service cannot be reached, or the connection broke'] as const
      : ['broken', `the answer with status ${status} broke off`] as const
    throw new NoAnswer(reason, message, attempt, { cause: error })
  }
}

/** @returns the URL of a path below the service's own, which may have a path itself */
const urlOf = (url: string, path: string): string => new URL(path.slice(1), url.endsWith('/') ? url : `${url}/`).href

function failure({ status, headers }: Response, bytes: Uint8Array, attempt: Attempt): BundleProblem | NoAnswer {
  const retryAfterSeconds = readRetryAfter(headers.get('retry-after'))
  const problem = headers.get('content-type')?.startsWith('application/problem+json') === true ? readProblem(bytes) : undefined
  if (problem !== undefined) return new BundleProblem(problem, retryAfterSeconds, attempt, attempt.cause)
  return new NoAnswer('foreign', `an answer with status ${status} that is not the service's`, attempt, { status, retryAfterSeconds, cause: attempt.cause })
}

function readProblem(bytes: Uint8Array): Problem | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return typeof value === 'object' && value !== null && 'code' in value && typeof value.code === 'string' ? value as Problem : undefined
  } catch {
    return undefined
  }
}

/** Seconds, as this service says it; a gateway may name a date (RFC 9110, section 10.2.3). */
function readRetryAfter(value: string | null): number | undefined {
  if (value === null) return undefined
  if (/^\d{1,9}$/.test(value)) return Number(value)
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1_000)
}
