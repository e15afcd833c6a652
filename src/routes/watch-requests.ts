import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { ProblemCode } from '../errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    watched?: WatchedRequest
  }
  interface FastifyReply {
    /** Set by `sendProblem`. */
    problem?: ProblemCode
  }
}

export interface WatchedRequest {
  /** Of the answer, whatever it will be. */
  readonly headers: Readonly<Record<string, string>>
  /** Of every log line about this request. */
  readonly logFields: Readonly<Record<string, string>>
  /** Runs the handler as part of the request. */
  within(run: () => void): void
  /** @param end `status` is undefined where the client went away before it had the answer */
  ended(end: { readonly status?: number; readonly problem?: ProblemCode }): void
}

export interface RequestObserver {
  /** @param request `route`: the pattern that it matched; undefined where it matched none */
  began(request: {
    readonly method: string
    readonly route: string | undefined
    readonly path: string
    readonly scheme: 'http' | 'https'
    readonly headers: IncomingHttpHeaders
  }): WatchedRequest
}

/** Has every request watched that the parser let pass. Call it before any route is added. */
export function watchRequests(app: FastifyInstance, observer: RequestObserver): void {
  app.decorateRequest('watched')
  app.decorateReply('problem')
  app.addHook('onRequest', async (request, reply) => {
    const { method, url, protocol, headers, routeOptions } = request
    const watched = observer.began({ method, route: routeOptions.url, path: url.split('?', 1)[0]!, scheme: protocol, headers })
    request.watched = watched
    request.log = request.log.child(watched.logFields)
    reply.headers(watched.headers)
    // Not Fastify's onResponse: it is silent where the client went away.
    reply.raw.once('close', () => {
      const { statusCode, writableFinished } = reply.raw
      watched.ended({ ...(writableFinished && { status: statusCode, ...(reply.problem !== undefined && { problem: reply.problem }) }) })
    })
  })
  // Here, and not above: the body arrives in events of its socket, which belong to no request.
  app.addHook('preHandler', (request, _reply, done) => {
    if (request.watched === undefined) done()
    else request.watched.within(done)
  })
}
