import type { Socket } from 'node:net'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { ServerOptions } from 'node:https'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { handleClientError, handleError } from './problems.ts'

/** How long each part of an exchange may take, in milliseconds. None of them limits the transaction between request and answer. */
export interface ConnectionLimits {
  /** To finish a TLS handshake: Node has 120 s. */
  readonly handshakeMs: number
  /** To send the head of a request, from the moment the connection stands. */
  readonly headersMs: number
  /** To send the whole request of 64 KiB at most. */
  readonly requestMs: number
  /** To take an answer, once it is written. Node would wait for ever for a client that never reads. */
  readonly answerMs: number
  /** How often Node looks for requests beyond their time; its 30 s would double the limits. */
  readonly checkEveryMs: number
}

export const CONNECTION_LIMITS: ConnectionLimits = { handshakeMs: 10_000, headersMs: 15_000, requestMs: 30_000, answerMs: 60_000, checkEveryMs: 5_000 }

/** Room beside those who wait for a transaction: load balancers, scrapers, idle connections. Beyond it the process would run out of files. */
const SPARE_CONNECTIONS = 1_000

/** Requests at once on one connection. Node works on all that it reads: a thousand in one packet of 64 KiB would queue answers of 65 MB. */
const MOST_IN_A_ROW = 8

/** @returns Node's options for the server, HTTP or HTTPS */
export function serverOptions(limits: ConnectionLimits): ServerOptions {
  return {
    requestTimeout: limits.requestMs,
    // Fastify's own, which a server made elsewhere does not get.
    keepAliveTimeout: 72_000,
    headersTimeout: limits.headersMs,
    connectionsCheckingInterval: limits.checkEveryMs,
    // Node would answer a request without Host itself, and not as a problem; a hook does.
    requireHostHeader: false,
    handshakeTimeout: limits.handshakeMs,
  }
}

export interface Connections {
  /** Fastify's `clientErrorHandler`. */
  onClientError(error: Error & { code?: string }, socket: Socket): void
  /** Fastify's `frameworkErrors`: a path that cannot be decoded is answered before any hook could run. */
  onFrameworkError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void
  /** Puts the hooks in place. Call it before any route is added. */
  watch(app: FastifyInstance, callers: number): void
}

/** Knows what is under way on each connection, and cuts those that take without end. */
export function openConnections(limits: ConnectionLimits): Connections {
  const inFlight = new WeakMap<object, Set<ServerResponse>>()
  const latest = new WeakMap<object, ServerResponse>()

  /** @returns false where the connection asks for too much at once, and was cut */
  const begin = ({ socket }: IncomingMessage, response: ServerResponse): boolean => {
    const responses = inFlight.get(socket) ?? new Set()
    if (socket.destroyed || responses.size >= MOST_IN_A_ROW) {
      socket.destroy()
      return false
    }
    latest.set(socket, response)
    inFlight.set(socket, responses.add(response))
    response.once('close', () => responses.delete(response))
    return true
  }
  /** A problem of the parser would be read as the answer to the request that is being answered, or as a second one to the same request. */
  const isAnswering = (socket: Socket): boolean => {
    const last = latest.get(socket)
    const answered = last !== undefined && last.headersSent && !last.req.complete
    return answered || [...inFlight.get(socket) ?? []].some((response) => response.req.complete || response.headersSent)
  }
  /** Behind a pipelined request an answer waits until those before it are out: its time starts when the socket is its own. */
  const limit = (response: ServerResponse): void => {
    const { socket } = response
    if (socket === null) {
      response.once('socket', () => { limit(response) })
      return
    }
    const cut = setTimeout(() => socket.destroy(), limits.answerMs).unref()
    response.once('close', () => { clearTimeout(cut) })
  }

  return {
    onClientError: (error, socket) => { handleClientError(error, socket, isAnswering(socket)) },
    onFrameworkError(error, request, reply) {
      if (begin(request.raw, reply.raw)) handleError(error, request, reply)
      else reply.hijack()
      limit(reply.raw)
    },
    watch(app, callers) {
      const server = app.server as Server
      server.maxConnections = callers + SPARE_CONNECTIONS
      // Node's own answer would be a bare 417. Nobody has to understand an expectation (RFC 9110, section 10.1.1).
      server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => server.emit('request', request, response))
      app.addHook('onRequest', async (request, reply) => begin(request.raw, reply.raw) ? undefined : reply.hijack())
      app.addHook('onSend', async (_request, reply) => { limit(reply.raw) })
    },
  }
}
