import Type from 'typebox'
import { PROBLEMS, type ProblemCode } from '../../errors.ts'

const ref = (name: 'Problem' | 'Transaction' | 'TransactionList') => Type.Unsafe({ $ref: `${name}#` })
const text = (description: string) => ({ type: 'string', description })
/** Of every answer: the trace that the request belongs to. */
const TRACE = { traceresponse: text('the trace of this request and its span, in the form of `traceparent` (W3C Trace Context)') }
const Zip = Type.Unsafe<Uint8Array>({ type: 'string', contentMediaType: 'application/zip' })

const EVERYWHERE: readonly ProblemCode[] = [
  'unauthenticated', 'not-acceptable', 'too-many-requests', 'internal-error', 'journal-unavailable', 'authentication-unavailable',
]

/** Which problems each route can answer. A problem that is in none of them is one of the parser or the router, or a bug. */
const ANSWERED_BY = {
  post: [
    ...EVERYWHERE, 'invalid-request', 'forbidden', 'key-label-taken', 'transaction-in-progress', 'bundle-expired', 'request-timeout', 'payload-too-large',
    'unsupported-media-type', 'idempotency-key-reused', 'key-not-attestable', 'profile-violated', 'rollback-impossible', 'tsb-rejected', 'tsb-unauthorized',
    'tsb-invalid-response', 'tsb-error', 'evidence-rejected', 'tsb-unavailable', 'overloaded', 'shutting-down', 'tsb-timeout',
  ],
  get: [...EVERYWHERE, 'not-found', 'bundle-not-available', 'bundle-expired'],
  list: [...EVERYWHERE, 'invalid-request'],
} satisfies Record<string, readonly ProblemCode[]>

/** @returns the documented problems of a route, grouped by status, each with an example */
export function problemAnswers(route: keyof typeof ANSWERED_BY): Record<string, object> {
  const byStatus = Map.groupBy(ANSWERED_BY[route], (code) => PROBLEMS[code].status)
  return Object.fromEntries([...byStatus].map(([status, codes]) => [status, {
    description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('; '),
    headers: headersOf(status, codes),
    content: {
      'application/problem+json': {
        schema: ref('Problem'),
        examples: Object.fromEntries(codes.map((code) => [code, {
          value: { type: `urn:problem:attestation-bundle:${code}`, title: PROBLEMS[code].title, status, detail: PROBLEMS[code].title, code },
        }])),
      },
    },
  }]))
}

function headersOf(status: number, codes: readonly ProblemCode[]): Record<string, object> {
  return {
    ...TRACE,
    ...(status === 401 && { 'www-authenticate': text('the scheme that this instance asks for (RFC 9110)') }),
    ...(codes.some((code) => 'retryAfterSeconds' in PROBLEMS[code]) && { 'retry-after': text('seconds') }),
  }
}

/** @returns both representations of a transaction under one status */
export function bundleAnswers(status: 200 | 201): Record<string, object> {
  return {
    [status]: {
      description: status === 201 ? 'The bundle: all steps and all checks passed' : 'The same bytes as before',
      headers: {
        ...TRACE,
        location: text('path of the transaction'),
        'content-disposition': text('names the zip (RFC 6266)'),
        'repr-digest': text('SHA-256 of the zip (RFC 9530)'),
        ...(status === 200 && { 'idempotency-replayed': text('`true` where an Idempotency-Key found an earlier bundle') }),
      },
      content: { 'application/zip': { schema: Zip }, 'application/json': { schema: ref('Transaction') } },
    },
  }
}

/** @returns the answer of the list */
export function listAnswer(): Record<string, object> {
  return { 200: { description: 'Newest first, 100 at most', headers: TRACE, content: { 'application/json': { schema: ref('TransactionList') } } } }
}
