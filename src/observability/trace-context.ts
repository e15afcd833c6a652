import type { IncomingHttpHeaders } from 'node:http'

/** Where a piece of work stands in a trace, as W3C Trace Context carries it from process to process. */
export interface TraceContext {
  /** 32 hexadecimal digits, not all zero. */
  readonly traceId: string
  /** 16 hexadecimal digits, not all zero. */
  readonly spanId: string
  /** Bit 0: somebody records this trace. */
  readonly flags: number
  /** `tracestate` as it came: other systems' words, which are passed on unread. */
  readonly state?: string
}

/** Version, trace, parent, flags. A later version may have more fields behind them; version ff is forbidden (Trace Context, section 3.2.2). */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** Of the flags of a caller only bit 0 has a meaning in version 00; the others are not passed on (section 3.2.2.5). */
const SAMPLED = 0x01

/** One member of `tracestate`: a key, and a value without commas and equals signs (section 3.3.1.3). */
const MEMBER = /^(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})=[ -+\--<>-~]{0,255}[!-+\--<>-~]$/
const MOST_MEMBERS = 32
/** Section 3.3.1.5 asks for 512 characters at least. No more: it goes on to the TSB, and callers write it. */
const LONGEST_STATE = 512

/**
 * Reads the trace that a caller's request belongs to (https://www.w3.org/TR/trace-context/).
 * @param headers of the request
 * @returns undefined where there is no `traceparent`, or none that is valid: then `tracestate` means nothing either, and a new trace begins
 */
export function readTraceContext({ traceparent, tracestate }: IncomingHttpHeaders): TraceContext | undefined {
  const match = typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent) : null
  if (match === null) return undefined
  const [, version, traceId, spanId, flags, more] = match
  if (version === '00' && more !== undefined) return undefined
  const state = typeof tracestate === 'string' ? readState(tracestate) : undefined
  return { traceId: traceId!, spanId: spanId!, flags: Number.parseInt(flags!, 16) & SAMPLED, ...(state !== undefined && { state }) }
}

function readState(text: string): string | undefined {
  const members = text.split(',').map((member) => member.replace(/^[ \t]+|[ \t]+$/g, '')).filter((member) => member !== '')
  const keys = new Set(members.map((member) => member.slice(0, member.indexOf('='))))
  const good = members.length > 0 && members.length <= MOST_MEMBERS && keys.size === members.length && members.every((member) => MEMBER.test(member))
  const state = members.join(',')
  return good && state.length <= LONGEST_STATE ? state : undefined
}

/** @returns the value of `traceparent`, and of `traceresponse`, which has the same form */
export function traceparentOf({ traceId, spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`
}

/** @returns the headers that take a trace to the next process */
export function traceHeaders(context: TraceContext): Record<string, string> {
  return { traceparent: traceparentOf(context), ...(context.state !== undefined && { tracestate: context.state }) }
}
