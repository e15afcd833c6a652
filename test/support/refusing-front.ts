import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** A reverse proxy that can stop listening at a given moment, so that the next call really meets ECONNREFUSED. */
export interface RefusingFront {
  /** What the service takes for the TSB. */
  readonly url: string
  /** Names the TSB behind it; nothing passes before. */
  forwardTo(url: string): void
  /** Refuses from now on. Idle connections are closed, and the other side has noticed when this returns. */
  refuse(): Promise<void>
  /** Refuses from the moment at which the `nth` request to `path`, counted from now, is answered. */
  refuseAfter(path: string, nth: number): void
  /** Listens again at the same port, and forgets what `refuseAfter` was told. */
  open(): Promise<void>
  close(): Promise<void>
}

/** Starts a front. Requests must come one after the other: a connection that is in use is not cut. */
export async function openRefusingFront(): Promise<RefusingFront> {
  let target = ''
  let due: { readonly path: string; left: number } | undefined
  const sockets = new Set<Socket>()

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method, url: path = '/', headers } = request
    const forwarded = httpRequest(`${target}${path}`, { method, headers: { ...headers, connection: 'close' }, agent: false })
    request.pipe(forwarded)
    const [answer] = await once(forwarded, 'response') as [IncomingMessage]
    const body = Buffer.concat(await answer.toArray() as Buffer[])
    const last = due?.path === path && (due.left -= 1) === 0
    // Closed before the answer goes out, so that whatever the caller sends next finds nobody.
    if (last) await stopListening(request.socket)
    response.writeHead(answer.statusCode ?? 502, { ...answer.headers, connection: last ? 'close' : 'keep-alive' }).end(body)
  }
  const start = async (port: number): Promise<Server> => {
    const server = createServer((request, response) => void handle(request, response).catch(() => request.socket.destroy()))
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return server
  }
  const stopListening = async (except?: Socket): Promise<void> => {
    server.close()
    // Each end is waited for until the other side has closed too: it might else send its next request into a connection that is gone.
    const others = [...sockets].filter((socket) => socket !== except)
    await Promise.all(others.map((socket) => new Promise((resolve) => { socket.once('close', resolve).end() })))
  }

  let server = await start(0)
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    forwardTo(url) { target = url },
    refuse: () => stopListening(),
    refuseAfter(path, nth) { due = { path, left: nth } },
    async open() {
      due = undefined
      if (!server.listening) server = await start(port)
    },
    async close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
