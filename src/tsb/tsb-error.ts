import { ProblemError, type Effect, type ProblemCode, type Upstream } from '../errors.ts'
import { reveals } from './reveals.ts'

/** The calls of the TSB that this service makes, by the names used in logs, metrics and problems. */
export const TSB_CALLS = [
  'version-info', 'license-info', 'keystore-statistics', 'key-attributes', 'create-key', 'certificate-request', 'key-attestation', 'delete-key',
  'delete-certificate',
] as const
export type TsbCall = typeof TSB_CALLS[number]

/** A TSB call that failed, what it may have changed at the HSM, and whether the same call is worth another try. */
export class TsbError extends ProblemError {
  readonly call: TsbCall
  readonly effect: Effect
  readonly transient: boolean

  constructor(call: TsbCall, code: ProblemCode, detail: string, facts: { effect: Effect; transient?: boolean; upstream?: Upstream; cause?: unknown }) {
    super(code, detail, facts.upstream === undefined ? {} : { upstream: facts.upstream }, facts.cause)
    this.name = 'TsbError'
    this.call = call
    this.effect = facts.effect
    this.transient = facts.transient ?? false
  }
}

/** `errorCode` values of the TSB that this service decides on (contract: BusinessReason, the TSB's own enum). */
export const KEY_ALREADY_EXISTING = 608
export const KEY_PASSWORD_MISMATCH = 620
export const INVALID_API_KEY = 631
export const KEY_NOT_EXISTENT = 650

/** Technical faults that the TSB itself calls passing: technical, connectivity, general, subsystem, io. */
const TECHNICAL: ReadonlySet<number> = new Set([1, 2, 103, 700, 703])

/** The request as such is at fault: the TSB checked it and did nothing. */
const INPUT_FAULTS: ReadonlySet<number> = new Set([
  402, 407, 408, 409, 411, 501, 600, 601, 602, 603, 604, 605, 606, 607, 609, 610, 611, 612, 613, 614, 616, 619, 621, 623, 624, 625, 626, 627,
  628, 629, 630, 632, 633, 634, 635,
])

const GATEWAY: ReadonlySet<number> = new Set([502, 503, 504])

/** The TSB's error body: `{"errorCode":701,"reason":"res.error.in.hsm","message":"…"}`; any part may be missing. */
export interface TsbErrorBody {
  readonly errorCode?: number
  readonly reason?: string
  readonly message?: string
}

/**
 * Turns an answer that is no success into an error with its problem, its effect and what the TSB said.
 * The `errorCode` decides before the HTTP status, whose mapping is only partly known; a status without a code is trusted for nothing but
 * 401 and 403, which the TSB's security filter gives before anything runs.
 * @param call which call was answered
 * @param status the HTTP status, not 2xx
 * @param body the answer's body
 * @param secrets strings that must not leave the service: a message that holds one is left out
 */
export function errorFromAnswer(call: TsbCall, status: number, body: Buffer, secrets: readonly string[]): TsbError {
  const said = readErrorBody(body)
  const upstream = upstreamOf(status, said, secrets)
  const code = said.errorCode
  const what = `the TSB answered ${call} with ${status}${code === undefined ? '' : ` and code ${code}`}`
  const fail = (problem: ProblemCode, detail: string, effect: Effect, transient = false): TsbError =>
    new TsbError(call, problem, detail, { effect, transient, upstream })

  if (status >= 300 && status < 400) return fail('tsb-invalid-response', `${what}: redirects are not followed`, 'unknown')
  if (code === KEY_ALREADY_EXISTING) return fail('key-label-taken', 'the HSM holds a key of this label, perhaps only as an invalidated one', 'none')
  if (status === 401 || status === 403) return fail('tsb-unauthorized', what, 'none')
  if (code !== undefined && status >= 400 && status < 500 && INPUT_FAULTS.has(code)) return fail('tsb-rejected', what, 'none')
  if (status === 429) return fail('tsb-unavailable', what, 'unknown', true)
  if (status === 504) return fail('tsb-timeout', what, 'unknown', true)
  if (GATEWAY.has(status)) return fail('tsb-unavailable', what, 'unknown', true)
  return fail('tsb-error', what, 'unknown', code !== undefined && TECHNICAL.has(code))
}

/** @returns the members of a TSB error body that have the documented types; `{}` for HTML, an empty body or anything else */
export function readErrorBody(body: Buffer): TsbErrorBody {
  const value = parseJson(body)
  if (typeof value !== 'object' || value === null) return {}
  const { errorCode, reason, message } = value as Record<string, unknown>
  return {
    ...(typeof errorCode === 'number' && Number.isInteger(errorCode) && { errorCode }),
    ...(typeof reason === 'string' && { reason }),
    ...(typeof message === 'string' && { message }),
  }
}

/** @returns the parsed JSON value, or undefined where the body is no JSON (an HTML page with status 200 is a known proxy fault) */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

function upstreamOf(status: number, said: TsbErrorBody, secrets: readonly string[]): Upstream {
  const message = said.message === undefined ? undefined : cleanMessage(said.message, secrets)
  return {
    status,
    ...(said.errorCode !== undefined && { errorCode: said.errorCode }),
    ...(said.reason !== undefined && /^[a-z0-9.]{1,100}$/i.test(said.reason) && !reveals(said.reason, secrets) && { reason: said.reason }),
    ...(message !== undefined && { message }),
  }
}

function cleanMessage(message: string, secrets: readonly string[]): string | undefined {
  if (reveals(message, secrets)) return undefined
  const clean = message.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ').trim()
  return clean === '' ? undefined : clean.slice(0, 200)
}
