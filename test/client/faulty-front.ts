import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What can go wrong between the service and its caller. */
export type Fault =
  /** Breaks the connection off; the service never hears of the request. */
  | { readonly kind: 'refused' }
  /** Passes the request on, and breaks the connection off once the service has answered. */
  | { readonly kind: 'lost' }
  /** Passes the request on, and breaks the connection off while the service works; `settled()` waits for its answer. */
  | { readonly kind: 'left' }
  /** The answer ends in its middle. */
  | { readonly kind: 'cut' }
  /** One bit of the answer's body is another. */
  | { readonly kind: 'altered' }
  /** The answer lacks a header. */
  | { readonly kind: 'without'; readonly header: string }
  /** Says nothing at all. */
  | { readonly kind: 'silent' }
  /** Answers this in place of the service. */
  | { readonly kind: 'answer'; readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }

export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

/** Stands in front of the service and plays one fault per request, in order; without one it passes everything on. */
export interface FaultyFront {
  readonly url: string
  readonly asked: Asked[]
  play(...faults: readonly Fault[]): void
  /** Forgets what was asked and what was still to play. */
  reset(): void
  /** Resolves when the service has answered all that was passed on. */
  settled(): Promise<void>
  close(): void
}

/** @param prefix in front of every path, as a gateway may have one */
export async function openFaultyFront(target: string, prefix = ''): Promise<FaultyFront> {
  const asked: Asked[] = []
  let faults: Fault[] = []
  let passed: Promise<unknown>[] = []

  const pass = async ({ method, url = '', headers }: IncomingMessage, body: Buffer): Promise<{ answer: IncomingMessage; bytes: Buffer }> => {
    const forwarded = httpRequest(target + url.replace(prefix, ''), { method, headers, agent: false }).end(body)
    const [answer] = await once(forwarded, 'response') as [IncomingMessage]
    return { answer, bytes: Buffer.concat(await answer.toArray() as Buffer[]) }
  }
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url: path = '', headers, socket } = request
    const body = Buffer.concat(await request.toArray() as Buffer[])
    asked.push({ method, path, headers })
    const fault = faults.shift()
    if (fault?.kind === 'silent') return
    if (fault?.kind === 'refused') return void socket.destroy()
    if (fault?.kind === 'answer') return void response.writeHead(fault.status, fault.headers).end(fault.body)
    const passing = pass(request, body)
    passed.push(passing)
    if (fault?.kind === 'left') return void socket.destroy()
    const { answer, bytes } = await passing
    if (fault?.kind === 'lost') return void socket.destroy()
    if (fault?.kind === 'altered') bytes[bytes.length >> 1]! ^= 1
    const { [fault?.kind === 'without' ? fault.header : '']: _gone, ...kept } = answer.headers
    response.writeHead(answer.statusCode ?? 502, kept)
    if (fault?.kind === 'cut') response.write(bytes.subarray(0, bytes.length >> 1), () => socket.destroy())
    else response.end(bytes)
  }
  const server = createServer((request, response) => void handle(request, response).catch(() => request.socket.destroy()))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`,
    asked,
    play(...next) { faults = [...next] },
    reset() {
      asked.length = 0
      faults = []
      passed = []
    },
    async settled() { await Promise.all(passed) },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
