import { isIP } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import rateLimit, { normalizeIP } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Authenticator, Caller, Refused } from '../auth/authenticator.ts'
import { ProblemError } from '../errors.ts'
import { callerLeft } from './caller-left.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by `authenticate`; routes read it with `callerOf`. */
    caller?: Caller
  }
}

/** Wrong credentials from one address before it is told to wait: enough for a deployment with the key of yesterday. */
const FAILURES = 20
const WINDOW_MS = 60_000
/** Past that, an answer takes so long. What is right is answered at once. */
const HOLD_MS = 1_000
/** Answers held back at a time; a flood must not fill the memory with them. */
const MOST_HELD = 200
/** Addresses that are remembered; the one unused for the longest is forgotten first. */
const ADDRESSES = 10_000

/**
 * Makes every route of this scope ask who calls, before its body is read. Everything wrong with a credential gets the same 401. Addresses
 * are limited by their failures alone, and a credential is checked however many there were: behind one address there may be many callers,
 * and one of them must not lock the others out.
 * @param app the scope, with the routes still to come
 * @param refused is told of every request without a caller
 */
export async function authenticate(
  app: FastifyInstance, { check, challenge, perConnection }: Authenticator, refused: (event: Refused) => void,
): Promise<void> {
  await app.register(rateLimit, { global: false, max: FAILURES, timeWindow: WINDOW_MS, cache: ADDRESSES, keyGenerator: addressOf })
  const countFailure = app.createRateLimit()
  app.decorateRequest('caller')
  let held = 0

  const slowDown = async (reply: FastifyReply): Promise<void> => {
    if (held >= MOST_HELD) return
    held++
    await delay(HOLD_MS, undefined, { signal: callerLeft(reply.raw) }).catch(() => undefined)
    held--
  }

  app.addHook('onRequest', async (request, reply) => {
    const outcome = await check(request.raw)
    if ('caller' in outcome) {
      request.caller = outcome.caller
      request.log = request.log.child({ caller: outcome.caller.id })
      return
    }
    const count = await countFailure(request)
    const limited = !count.isAllowed && count.isExceeded
    const event = { address: count.key, limited, last: !count.isAllowed && count.remaining === 0 && !limited }
    if ('unavailable' in outcome) {
      refused({ ...event, reason: 'keys-unavailable', detail: outcome.unavailable })
      throw new ProblemError('authentication-unavailable', 'the keys of the issuer cannot be fetched')
    }
    refused({ ...event, reason: outcome.refused, ...(outcome.detail !== undefined && { detail: outcome.detail }) })
    if (perConnection) reply.header('connection', 'close')
    if (!limited) {
      reply.header('www-authenticate', challenge)
      throw new ProblemError('unauthenticated', 'send a valid credential')
    }
    await slowDown(reply)
    throw new ProblemError('too-many-requests', 'too many requests without a valid credential', { retryAfterSeconds: count.ttlInSeconds })
  })
}

/** @throws Error where the route is outside the scope of `authenticate`: a bug that must not become an open route */
export function callerOf({ caller }: FastifyRequest): Caller {
  if (caller === undefined) throw new Error('this route does not ask who calls')
  return caller
}

/** A proxy that is trusted can still pass on nonsense. */
const addressOf = ({ ip }: FastifyRequest): string => isIP(ip) === 0 ? 'unknown' : normalizeIP(ip)
