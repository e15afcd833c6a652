import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { authorize } from './authorize.ts'
import { findCall, type Call, type CallName } from './calls.ts'
import type { createFaults } from './faults.ts'
import { misbehave, send, type Stage } from './misbehave.ts'
import { jsonAnswer, type Answer, type Context } from './options.ts'
import { refusal, TsbRefusal } from './tsb-reasons.ts'

/** A request as it came, before anything was checked. */
export interface RecordedRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** The parsed JSON; undefined where there was none or it was broken. */
  readonly body: unknown
  /** Undefined for an unknown path. */
  readonly call: CallName | undefined
}

export interface ServerParts {
  readonly context: Context
  readonly faults: ReturnType<typeof createFaults>
  readonly requests: RecordedRequest[]
  /** Keeps work for `releaseLate()`, with the label that it is about. */
  readonly later: (work: () => Promise<unknown>, label: string) => void
  readonly wait: Stage['wait']
  /** Is told when a call has arrived, and when the simulator has acted on it. */
  readonly tell: (call: CallName, stage: 'arrived' | 'acted', request: RecordedRequest) => void
}

/** Makes the HTTP server: record, find the call, play a fault or answer. */
export function createTsbServer(parts: ServerParts): Server {
  // Idle connections stay: a test may hold one, on its way here, for as long as it likes.
  return createServer({ keepAliveTimeout: 0 }, (request, response) => {
    response.on('error', () => undefined)
    handle(parts, request, response).catch((error: unknown) => {
      if (request.destroyed || response.destroyed) return
      send(response, jsonAnswer(500, { message: `The simulator failed: ${String(error)}` }))
    })
  })
}

async function handle(parts: ServerParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', headers } = request
  const path = (request.url ?? '/').replace(/\?.*$/, '')
  const raw = await readAll(request)
  const body = parse(raw)
  const found = findCall(method, path)
  const recorded = { method, path, headers, body, call: 'call' in found ? found.call.name : undefined }
  parts.requests.push(recorded)
  parts.context.options.heard?.(recorded)
  if (!('call' in found)) {
    // Spring's own answers have no errorCode: nobody may take this 404 for "no such key".
    send(response, jsonAnswer(found.allowed.length === 0 ? 404 : 405, { message: found.allowed.length === 0 ? 'Not Found' : 'Method Not Allowed' }))
    return
  }
  const { call } = found
  const act = async (): Promise<Answer> => {
    const given = await answer(parts.context, call, headers, { raw, body, name: found.name })
    parts.tell(call.name, 'acted', recorded)
    return given
  }
  parts.tell(call.name, 'arrived', recorded)
  const label = labelOf(body, found.name)
  const fault = parts.faults.next(call.name, label)
  if (fault === undefined) send(response, await act())
  else await misbehave(fault, { response, act, later: (work) => { parts.later(work, label) }, wait: parts.wait })
}

async function answer(context: Context, call: Call, headers: IncomingHttpHeaders, input: { raw: Buffer; body: unknown; name: string }): Promise<Answer> {
  try {
    authorize(context, call, headers)
    if (call.method === 'POST') {
      if (headers['content-type']?.startsWith('application/json') !== true) throw new TsbRefusal(415, { message: 'Unsupported Media Type' })
      if (input.body === undefined) throw refusal(621, 'Invalid request. Cannot parse json string')
    }
    return await call.run(context, { body: input.body, name: decode(input.name) })
  } catch (error) {
    if (!(error instanceof TsbRefusal)) throw error
    return error.body.message === '' ? { status: error.status, body: Buffer.alloc(0), headers: {} } : jsonAnswer(error.status, error.body)
  }
}

/** The label that a request names, in its body or its path; empty where it names none. */
function labelOf(body: unknown, name: string): string {
  const { label, signKeyName } = (typeof body === 'object' && body !== null ? body : {}) as Readonly<Record<string, unknown>>
  return [label, signKeyName].find((value) => typeof value === 'string') ?? name
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function parse(raw: Buffer): unknown {
  try {
    return raw.length === 0 ? undefined : JSON.parse(raw.toString()) as unknown
  } catch {
    return undefined
  }
}

function decode(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    throw refusal(610, 'The key name is not valid.')
  }
}
