import type { FastifySchema } from 'fastify'
import Type from 'typebox'
import { PROBLEMS, type ProblemCode } from '../../errors.ts'
import {
  FAILED_TRANSACTION_EXAMPLE, HEADER_EXAMPLES, INVALID_LABEL_EXAMPLE, PROBLEM_EXAMPLES, TRANSACTION_EXAMPLE, ZIP_EXAMPLE,
} from './answer-examples.ts'
import type { Problem } from './answers.ts'

const ref = (name: 'Problem' | 'Transaction' | 'TransactionList') => Type.Unsafe({ $ref: `${name}#` })
const header = (name: keyof typeof HEADER_EXAMPLES, description: string) => ({ [name]: { type: 'string', description, examples: [HEADER_EXAMPLES[name]] } })
/** Of every answer to a caller: the trace that the request belongs to. */
const TRACE = header('traceresponse', 'the trace of this request and its span, in the form of `traceparent` (W3C Trace Context)')
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
    headers: headersOf(status, codes, route === 'operations' || route === 'ready' ? {} : TRACE),
    content: {
      'application/problem+json': {
        schema: ref('Problem'),
        examples: Object.fromEntries(codes.map((code) => [code, { value: problemExample(route, code) }])),
      },
    },
  }]))
}

function problemExample(route: keyof typeof ANSWERED_BY, code: ProblemCode): Problem {
  const { status, title } = PROBLEMS[code]
  const { detail, ...members } = route === 'list' && code === 'invalid-request' ? INVALID_LABEL_EXAMPLE : PROBLEM_EXAMPLES[code]
  return { type: `urn:problem:attestation-bundle:${code}`, title, status, detail, code, ...members }
}

function headersOf(status: number, codes: readonly ProblemCode[], always: Record<string, object>): Record<string, object> {
  return {
    ...always,
    ...(status === 401 && header('www-authenticate', 'the scheme that this instance asks for (RFC 9110)')),
    ...(codes.some((code) => 'retryAfterSeconds' in PROBLEMS[code]) && header('retry-after', 'seconds')),
  }
}

/** @returns both representations of a transaction under one status; `made` and `replayed` are answers to a POST */
export function bundleAnswers(kind: 'made' | 'replayed' | 'found'): Record<string, object> {
  return {
    [kind === 'made' ? 201 : 200]: {
      description: kind === 'made' ? 'The bundle: all steps and all checks passed' : 'The same bytes as before',
      headers: {
        ...TRACE,
        ...(kind !== 'found' && header('location', 'path of the transaction')),
        ...header('content-disposition', 'names the zip (RFC 6266)'),
        ...header('repr-digest', 'SHA-256 of the zip (RFC 9530)'),
        ...(kind === 'replayed' && header('idempotency-replayed', 'always `true`: the Idempotency-Key found an earlier bundle')),
      },
      content: {
        'application/zip': { schema: Zip, examples: { bundle: ZIP_EXAMPLE } },
        'application/json': { schema: ref('Transaction'), examples: { transaction: { value: TRANSACTION_EXAMPLE } } },
      },
    },
  }
}

/** @returns the answer of the list */
export function listAnswer(): Record<string, object> {
  const value = { transactions: [TRANSACTION_EXAMPLE, FAILED_TRANSACTION_EXAMPLE] }
  const content = { 'application/json': { schema: ref('TransactionList'), examples: { found: { value } } } }
  return { 200: { description: 'Newest first, 100 at most', headers: TRACE, content } }
}

/** @returns the schema of an operators' route. `security` is empty: these need no credential, whatever AUTH_MODE says */
export function operationSchema(
  about: { readonly operationId: string; readonly summary: string; readonly description: string },
  { says, mediaType, schema, example }: { readonly says: string; readonly mediaType: string; readonly schema: object; readonly example: unknown },
  problems: 'operations' | 'ready' = 'operations',
): { schema: FastifySchema } {
  const answer = { 200: { description: says, content: { [mediaType]: { schema, examples: { answer: { value: example } } } } } }
  return { schema: { ...about, tags: ['operations'], security: [], response: { ...answer, ...problemAnswers(problems) } } }
}
