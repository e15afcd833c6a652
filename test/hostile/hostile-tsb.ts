import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { gzipBomb } from './bombs.ts'

/** What stands between the service and an honest TSB: it passes everything on, but for what a test takes into its own hands. */
export interface HostileTsb {
  readonly url: string
  forwardTo(url: string): void
  /** From now on requests to `path` that name a label which begins so are answered by this, on the bare socket, after they were read. */
  answer(path: string, label: string, attack: (socket: Socket) => void): void
  close(): void
}

export async function openHostileTsb(): Promise<HostileTsb> {
  let target = ''
  const attacks: { path: string; label: string; attack: (socket: Socket) => void }[] = []
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = Buffer.concat(await request.toArray() as Buffer[])
    const due = attacks.find(({ path, label }) => path === request.url && body.includes(`"label":"${label}`))
    if (due !== undefined) {
      request.socket.on('error', () => undefined)
      due.attack(request.socket)
      return
    }
    const forwarded = httpRequest(target + request.url, { method: request.method, headers: request.headers, agent: false }).end(body)
    const [answer] = await once(forwarded, 'response') as [IncomingMessage]
    response.writeHead(answer.statusCode ?? 502, answer.headers).end(Buffer.concat(await answer.toArray() as Buffer[]))
  }
  const server = createServer((request, response) => void handle(request, response).catch(() => request.socket.destroy()))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    forwardTo(url) { target = url },
    answer(path, label, attack) { attacks.push({ path, label, attack }) },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** Writes the same piece again and again, as fast as it is taken, until the other side has had enough. */
export function without(end: string | Uint8Array, first = ''): (socket: Socket) => void {
  return (socket) => {
    const piece = Buffer.from(end)
    const many = Buffer.concat(Array.from({ length: Math.ceil(65_536 / piece.length) }, () => piece))
    const more = (): void => { while (!socket.destroyed && socket.write(many)); }
    socket.write(first)
    socket.on('drain', more)
    more()
  }
}

/** Writes one piece every 20 ms. */
export const dripping = (first: string, drop: string) => (socket: Socket): void => {
  socket.write(first)
  const timer = setInterval(() => socket.write(drop), 20)
  socket.once('close', () => { clearInterval(timer) })
}

/** Writes this and hangs up, or not. */
export const saying = (text: string | Uint8Array, hangUp = true) => (socket: Socket): void => {
  socket.write(text)
  if (hangUp) socket.end()
}

const OK = 'HTTP/1.1 200 OK\r\n'
const chunked = `${OK}transfer-encoding: chunked\r\n\r\n`
const gzipped = gzipBomb()
const compressed = Buffer.concat([Buffer.from(`${OK}content-encoding: gzip\r\ncontent-type: application/json\r\ncontent-length: ${gzipped.length}\r\n\r\n`), gzipped])

type Attack = readonly [name: string, code: 'tsb-unavailable' | 'tsb-timeout' | 'tsb-invalid-response', attack: (socket: Socket) => void]

/** What is written as fast as it is taken, and the problem that the caller gets. */
export const FLOODS: readonly Attack[] = [
  ['a body without end', 'tsb-invalid-response', without(' ', `${OK}\r\n`)],
  ['a body without end in chunks of one byte', 'tsb-invalid-response', without('1\r\n \r\n', chunked)],
  ['headers without end', 'tsb-unavailable', without('x-more: x\r\n', OK)],
  ['one header without end', 'tsb-unavailable', without('x', `${OK}x-more: `)],
  ['trailers without end', 'tsb-unavailable', without('x-more: x\r\n', `${chunked}0\r\n`)],
  ['a status line without end', 'tsb-timeout', without('x', 'HTTP/1.1 200 ')],
  ['interim answers without end', 'tsb-timeout', without('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n')],
]

/** What is little, slow or wrong. */
export const ODDITIES: readonly Attack[] = [
  ['a body that drips', 'tsb-timeout', dripping(`${OK}content-length: 100000\r\n\r\n`, ' ')],
  ['chunks that drip', 'tsb-timeout', dripping(chunked, '1\r\n \r\n')],
  ['headers that drip', 'tsb-timeout', dripping(OK, 'x: y\r\n')],
  ['interim answers that drip', 'tsb-timeout', dripping('', 'HTTP/1.1 103 Early Hints\r\n\r\n')],
  ['100 Continue, which nobody asked for', 'tsb-unavailable', saying('HTTP/1.1 100 Continue\r\n\r\n')],
  ['101 Switching Protocols', 'tsb-unavailable', saying('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nPK\u0003\u0004')],
  ['a compressed body of 1 GB', 'tsb-invalid-response', saying(compressed)],
  ['less than it promised', 'tsb-unavailable', saying(`${OK}content-length: 100\r\n\r\nPK\u0003\u0004`)],
  ['a negative length', 'tsb-unavailable', saying(`${OK}content-length: -1\r\n\r\n{}`)],
  ['two different lengths', 'tsb-unavailable', saying(`${OK}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`)],
  ['a length and chunks', 'tsb-unavailable', saying(`${OK}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`)],
  ['a chunk of 2^64 bytes', 'tsb-unavailable', saying(`${chunked}10000000000000000\r\n`)],
  ['a body without a head, as in HTTP/0.9', 'tsb-unavailable', saying('PK\u0003\u0004 and no head')],
  ['HTTP/2', 'tsb-unavailable', saying(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]))],
  ['nothing, with 204', 'tsb-invalid-response', saying('HTTP/1.1 204 No Content\r\n\r\n')],
]
