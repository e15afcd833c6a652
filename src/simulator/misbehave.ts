import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { FaultKind } from './faults.ts'
import type { Answer } from './options.ts'
import { reasonBody } from './tsb-reasons.ts'

/** What a fault needs of the server. */
export interface Stage {
  readonly response: ServerResponse
  /** Does what was asked and gives the answer that an honest TSB would send, refusals included. */
  readonly act: () => Promise<Answer>
  /** Keeps work for `releaseLate()`. */
  readonly later: (work: () => Promise<unknown>) => void
  /** Waits; ends early when the simulator closes. */
  readonly wait: (milliseconds: number) => Promise<void>
}

const page = '<!DOCTYPE html>\n<html><head><title>503 Service Temporarily Unavailable</title></head><body><h1>Service Temporarily Unavailable</h1></body></html>\n'
const html = { 'content-type': 'text/html; charset=utf-8' }

/** Sends an answer. */
export function send(response: ServerResponse, { status, body, headers }: Answer): void {
  if (response.destroyed) return
  response.writeHead(status, { ...headers, 'content-length': body.length })
  response.end(body)
}

const custom = (fault: { status: number; body?: unknown; headers?: Readonly<Record<string, string>> }): Answer => {
  const text = typeof fault.body === 'string' ? fault.body : fault.body === undefined ? '' : JSON.stringify(fault.body)
  const type: Record<string, string> = fault.body === undefined ? {} : typeof fault.body === 'string' ? html : { 'content-type': 'application/json' }
  return { status: fault.status, body: Buffer.from(text), headers: { ...type, ...fault.headers } }
}

const isFile = (answer: Answer): boolean => answer.headers['content-type'] === 'application/octet-stream'

/** Plays one fault. Returns when the server has done its part, which may leave the caller without an answer. */
export async function misbehave(fault: FaultKind, { response, act, later, wait }: Stage): Promise<void> {
  switch (fault.kind) {
    case 'reset-before': return void response.socket?.resetAndDestroy()
    case 'reset-after': await act(); return void response.socket?.resetAndDestroy()
    case 'hang-before': return
    case 'hang-after': await act(); return
    case 'late': return later(act)
    case 'status': return send(response, custom(fault))
    case 'status-after': await act(); return send(response, custom(fault))
    case 'unauthorized-bare': return send(response, custom({ status: 401 }))
    case 'not-found-bare': return send(response, custom({ status: 404 }))
    case 'hsm-error': return send(response, custom({ status: 500, body: reasonBody(701, fault.message ?? 'HSM error: status: PKCS#11: DEVICE_ERROR') }))
    case 'unavailable': return send(response, custom({ status: 503, body: page }))
    case 'empty-body': return send(response, { ...await act(), headers: {}, body: Buffer.alloc(0) })
    case 'garbage': {
      const answer = await act()
      return send(response, { ...answer, status: 200, body: isFile(answer) ? randomBytes(512) : Buffer.from('{"x":') })
    }
    case 'truncated-body': return truncate(response, await act())
    case 'wrong-content': await act(); return send(response, custom({ status: 200, body: { unexpected: ['content'] } }))
    case 'html': await act(); return send(response, custom({ status: 200, body: page }))
    case 'redirect': return send(response, custom({ status: 302, headers: { location: fault.location ?? '/elsewhere' } }))
    case 'huge': return flood(response)
    case 'slow': await wait(fault.delayMs); return send(response, await act())
  }
}

/** Promises 100 bytes more than it sends, then hangs up. */
function truncate(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { ...headers, 'content-length': body.length + 100 })
  response.write(body.length === 0 ? ' ' : body.subarray(0, Math.ceil(body.length / 2)), () => response.socket?.destroy())
}

/** Sends spaces, which are valid at the start of JSON, until the caller has had enough. */
function flood(response: ServerResponse): void {
  const spaces = Buffer.alloc(64 * 1024, ' ')
  const more = (): void => {
    while (!response.destroyed && response.write(spaces));
  }
  response.on('drain', more)
  response.writeHead(200, { 'content-type': 'application/json' })
  more()
}
