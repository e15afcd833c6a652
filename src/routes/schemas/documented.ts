import Type from 'typebox'
import { PROBLEMS, type ProblemCode } from '../../errors.ts'

const ref = (name: 'Problem' | 'Transaction' | 'TransactionList') => Type.Unsafe({ $ref: `${name}#` })
const text = (description: string) => ({ type: 'string', description })
const Zip = Type.Unsafe<Uint8Array>({ type: 'string', contentMediaType: 'application/zip' })

/** Whatever the route: what the HTTP parser and the router refuse, and bugs. */
const EVERYWHERE: readonly ProblemCode[] = ['invalid-request', 'request-timeout', 'payload-too-large', 'uri-too-long', 'headers-too-large', 'internal-error']

/** Where callers have to say who they are. */
const CALLERS: readonly ProblemCode[] = [...EVERYWHERE, 'unauthenticated', 'too-many-requests', 'journal-unavailable', 'authentication-unavailable']

/** Which problems each route can answer. A test sends thousands of requests, and takes no other problem from a route than these. */
const ANSWERED_BY = {
  post: [
    ...CALLERS, 'forbidden', 'not-acceptable', 'key-label-taken', 'transaction-in-progress', 'bundle-expired', 'unsupported-media-type',
    'idempotency-key-reused', 'key-not-attestable', 'profile-violated', 'rollback-impossible', 'tsb-rejected', 'tsb-unauthorized', 'tsb-invalid-response', 'tsb-error',
    'evidence-rejected', 'tsb-unavailable', 'overloaded', 'shutting-down', 'tsb-timeout',
  ],
  get: [...CALLERS, 'not-found', 'not-acceptable', 'bundle-not-available', 'bundle-expired'],
  list: CALLERS,
  operations: EVERYWHERE,
  ready: [...EVERYWHERE, 'shutting-down', 'journal-unavailable'],
} satisfies Record<string, readonly ProblemCode[]>

/** @returns the documented problems of a route, grouped by status, each with an example */
export function problemAnswers(route: keyof typeof ANSWERED_BY): Record<string, object> {
  const byStatus = Map.groupBy(ANSWERED_BY[route], (code) => PROBLEMS[code].status)
  return Object.fromEntries([...byStatus].map(([status, codes]) => [status, {
    description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('; '),
    ...headersOf(status, codes),
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

function headersOf(status: number, codes: readonly ProblemCode[]): { headers?: Record<string, object> } {
  const headers = {
    ...(status === 401 && { 'www-authenticate': text('the scheme that this instance asks for (RFC 9110)') }),
    ...(codes.some((code) => 'retryAfterSeconds' in PROBLEMS[code]) && { 'retry-after': text('seconds') }),
  }
  return Object.keys(headers).length === 0 ? {} : { headers }
}

/** @returns both representations of a transaction under one status */
export function bundleAnswers(status: 200 | 201): Record<string, object> {
  return {
    [status]: {
      description: status === 201 ? 'The bundle: all steps and all checks passed' : 'The same bytes as before',
      headers: {
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
  return { 200: { description: 'Newest first, 100 at most', content: { 'application/json': { schema: ref('TransactionList') } } } }
}

/** @returns the answer of an operators' route */
export function operationAnswer(description: string, mediaType: string, schema: object): Record<string, object> {
  return { 200: { description, content: { [mediaType]: { schema } } } }
}
