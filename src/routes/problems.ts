import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { ProblemError, PROBLEMS, type FieldError, type ProblemCode } from '../errors.ts'
import type { Problem } from './schemas/answers.ts'
import { fieldErrors } from './field-errors.ts'
import { summary } from './read-order.ts'

/** The media type of RFC 9457. Sent with a Buffer body, so that Fastify adds no charset to it. */
export const PROBLEM_TYPE = 'application/problem+json'

/** @returns the members of RFC 9457 and ours, without what is undefined */
export function problemBody(error: ProblemError): Problem {
  const { status, title } = PROBLEMS[error.code]
  const { retryAfterSeconds: _header, ...extras } = error.extras
  return { type: `urn:problem:attestation-bundle:${error.code}`, title, status, detail: error.detail, code: error.code, ...structuredClone(extras) as object }
}

/** Answers with a problem. */
export function sendProblem(reply: FastifyReply, error: ProblemError): FastifyReply {
  const row: { status: number; retryAfterSeconds?: number } = PROBLEMS[error.code]
  const retryAfter = error.extras.retryAfterSeconds ?? row.retryAfterSeconds
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter))
  reply.problem = error.code
  return reply.code(row.status).header('cache-control', 'no-store').type(PROBLEM_TYPE).send(Buffer.from(JSON.stringify(problemBody(error))))
}

/** Fastify's and its parsers' own errors, by their code; what is not here is a bug of ours. */
const FASTIFY_ERRORS: Readonly<Record<string, readonly [ProblemCode, string]>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported-media-type', 'send the body as application/json'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload-too-large', 'a body may have 64 KiB'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['invalid-request', 'the body is not as long as content-length says'],
  FST_ERR_CTP_INVALID_CONTENT_TYPE: ['unsupported-media-type', 'send the body as application/json'],
  FST_ERR_MAX_PARAM_LENGTH: ['not-found', 'there is nothing at this path'],
  FST_ERR_BAD_URL: ['invalid-request', 'the path is not valid'],
}

/**
 * Turns whatever a request ended with into a problem.
 * @param error thrown by a handler, by validation or by a parser
 */
export function problemOf(error: FastifyError | Error): ProblemError {
  if (error instanceof ProblemError) return error
  if ('validation' in error && Array.isArray(error.validation)) {
    const errors: FieldError[] = fieldErrors(error.validation)
    return new ProblemError('invalid-request', summary(errors), { errors })
  }
  const known = 'code' in error && typeof error.code === 'string' ? FASTIFY_ERRORS[error.code] : undefined
  if (known !== undefined) return new ProblemError(known[0], known[1])
  return new ProblemError('internal-error', 'the service failed; its log says more', {}, error)
}

/** Fastify's error handler. */
export function handleError(error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  // Nobody reads this answer, and a client that hangs up is no bug of ours.
  const cutOff = request.raw.destroyed && !request.raw.complete
  const problem = cutOff ? new ProblemError('invalid-request', 'the body did not arrive') : problemOf(error)
  if (problem.code === 'internal-error' && problem.extras.transaction === undefined) request.log.error({ err: error }, 'request failed')
  return sendProblem(reply, problem)
}

const PARSER_ERRORS: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'payload-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
}

/** A client has this long to read why it was refused and to hang up: Node leaves the other half of the connection open for ever. */
const GOODBYE_MS = 1_000

/**
 * Node's HTTP parser refuses before Fastify sees a request: those answers are problems too.
 * @param busy an earlier request on this connection is being answered: a problem here would be read as its answer
 */
export function handleClientError(error: Error & { code?: string }, socket: Socket, busy: boolean): void {
  if (busy || error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const problem = new ProblemError(PARSER_ERRORS[error.code ?? ''] ?? 'invalid-request', 'the request could not be read')
  const body = JSON.stringify(problemBody(problem))
  const { status } = PROBLEMS[problem.code]
  socket.end([
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`, `content-type: ${PROBLEM_TYPE}`, `content-length: ${Buffer.byteLength(body)}`, 'connection: close', '', body,
  ].join('\r\n'))
  setTimeout(() => socket.destroy(), GOODBYE_MS).unref()
}
