import { Client, Pool, errors, type Dispatcher } from 'undici'
import { TsbError, type TsbCall } from './tsb-error.ts'

/** One request to the TSB, as the call files describe it. */
export interface TsbRequest {
  readonly call: TsbCall
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Path below TSB_URL, already percent-encoded. */
  readonly path: string
  /** The path with a name in place of what differs from call to call; undefined where nothing does. */
  readonly template?: string
  /** Sent as JSON; always an object, so that no body is ever glued from strings. */
  readonly body?: Readonly<Record<string, unknown>>
  readonly accept?: string
  readonly timeoutMs: number
  /** Answers beyond this many bytes are cut off and refused. */
  readonly maxBytes: number
  /** On a connection of its own: a stale keep-alive socket would turn "nothing was sent" into "unknown". */
  readonly ownConnection?: boolean
  /** Called when the own connection stands, just before the request is written: what it throws keeps the request back, and is thrown. */
  readonly leaves?: () => void
}

export interface TsbAnswer {
  readonly status: number
  readonly body: Buffer
}

/** The one door to the network: the only module that knows undici. */
export interface Http {
  send(request: TsbRequest, headers: Readonly<Record<string, string>>, signal: AbortSignal | undefined): Promise<TsbAnswer>
  /** Closes each connection when its request has ended. */
  retire(): void
  close(): Promise<void>
}

export interface HttpSettings {
  readonly url: string
  readonly connectTimeoutMs: number
  readonly connections: number
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string }
}

/** Codes of failures before a connection stood, so before a byte of the request was sent. */
const NOT_CONNECTED: ReadonlySet<string> = new Set([
  'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN', 'UND_ERR_CONNECT_TIMEOUT',
])

/** undici would make a new one, stack and all, for each connection that is destroyed. */
const ENDED = new errors.ClientDestroyedError()

/**
 * Opens the connection pool to the TSB. Certificate verification is never switched off, redirects are never followed, HTTP/2 stays off
 * (undici 8 would otherwise negotiate it, and the TSB is documented with HTTP/1.1 only).
 */
export function openHttp(settings: HttpSettings): Http {
  const { origin, pathname } = new URL(settings.url)
  const prefix = pathname.replace(/\/+$/, '')
  const options = {
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: 30_000,
    connect: { ...settings.tls, timeout: settings.connectTimeoutMs, minVersion: 'TLSv1.2' as const },
  }
  const pool = new Pool(origin, { ...options, connections: settings.connections })

  return {
    async send(request, headers, signal) {
      const timeout = AbortSignal.timeout(request.timeoutMs)
      const own = request.ownConnection === true ? new Client(origin, options) : undefined
      let connected = false
      let heldBack: { readonly why: unknown } | undefined
      own?.once('connect', () => {
        connected = true
        try {
          request.leaves?.()
        } catch (why) {
          heldBack = { why }
          // At once, in the same turn: undici writes the request when this returns.
          void own.destroy()
        }
      })
      try {
        const answer = await (own ?? pool).request({
          method: request.method,
          path: prefix + request.path,
          headers: { accept: request.accept ?? 'application/json', ...headers, ...(request.body && { 'content-type': 'application/json' }) },
          body: request.body === undefined ? null : JSON.stringify(request.body),
          signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
          // The signal above is the time limit; these would only cut in earlier.
          headersTimeout: 0,
          bodyTimeout: 0,
          reset: own !== undefined,
        })
        return { status: answer.statusCode, body: await readBody(answer.body, request) }
      } catch (error) {
        if (heldBack !== undefined) throw heldBack.why
        throw error instanceof TsbError ? error : networkError(request, error, timeout.aborted || signal?.aborted === true, own === undefined ? undefined : connected)
      } finally {
        // destroy, not close: after a failure the request may still hang on the socket.
        void own?.destroy(ENDED)
      }
    },
    retire: () => { void pool.close() },
    close: () => pool.destroy(),
  }
}

async function readBody(body: Dispatcher.ResponseData['body'], request: TsbRequest): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length
    // Leaving the loop destroys the stream and with it the socket: an endless answer costs no more than the limit.
    if (size > request.maxBytes) {
      throw new TsbError(request.call, 'tsb-invalid-response', `the TSB answered ${request.call} with more than ${request.maxBytes} bytes`, { effect: 'unknown' })
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** @param connected whether a connection stood, where that is known: then no error code can say otherwise (EHOSTUNREACH also ends a sent request) */
function networkError({ call }: TsbRequest, error: unknown, timedOut: boolean, connected: boolean | undefined): TsbError {
  const code = codeOf(error)
  const notSent = connected === undefined ? code !== undefined && (NOT_CONNECTED.has(code) || isTlsRefusal(code)) : !connected
  if (notSent) {
    return new TsbError(call, 'tsb-unavailable', `no connection to the TSB for ${call} (${code ?? 'failed'})`, { effect: 'none', cause: error })
  }
  if (timedOut) return new TsbError(call, 'tsb-timeout', `the TSB did not answer ${call} in time`, { effect: 'unknown', transient: true, cause: error })
  return new TsbError(call, 'tsb-unavailable', `the connection to the TSB broke during ${call} (${code ?? 'failed'})`, {
    effect: 'unknown', transient: true, cause: error,
  })
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof errors.UndiciError) return error.code
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

// Node's names for a certificate that did not verify: the handshake failed, so no request was sent.
function isTlsRefusal(code: string): boolean {
  return /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT_|HOSTNAME_MISMATCH)/.test(code)
}
