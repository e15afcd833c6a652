import type { FastifyReply, FastifyRequest } from 'fastify'
import { ProblemError } from '../errors.ts'
import { sendProblem } from './problems.ts'

const BUNDLES = '/v1/attestation-bundles'
const OPERATIONS: ReadonlySet<string> = new Set(['/livez', '/readyz', '/metrics', '/openapi.json', '/docs'])

function allowedOn(path: string): string | undefined {
  if (path === BUNDLES) return 'GET, HEAD, POST'
  if (OPERATIONS.has(path) || /^\/v1\/attestation-bundles\/[^/]+$/.test(path)) return 'GET, HEAD'
  return undefined
}

/** A path that exists under other methods is 405 with `allow` (RFC 9110, section 15.5.6); everything else is 404. */
export function handleUnknownRoute(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const allow = allowedOn(request.url.split('?', 1)[0] ?? '')
  if (allow === undefined) return sendProblem(reply, new ProblemError('not-found', 'there is nothing at this path'))
  reply.header('allow', allow)
  return sendProblem(reply, new ProblemError('method-not-allowed', `this path takes ${allow}`))
}
