import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request and its answer, as they passed. */
export interface Exchange {
  readonly method: string
  readonly path: string
  readonly requestHeaders: Readonly<Record<string, string | string[] | undefined>>
  readonly requestBody: Buffer
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/** A reverse proxy that changes nothing and writes down everything. */
export interface RecordingFront {
  readonly url: string
  readonly exchanges: readonly Exchange[]
  /** Names the TSB behind it; nothing passes before. */
  forwardTo(url: string): void
  close(): void
}

export async function openRecordingFront(): Promise<RecordingFront> {
  let target = ''
  const exchanges: Exchange[] = []
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url: path = '', headers: requestHeaders } = request
    const requestBody = Buffer.concat(await request.toArray() as Buffer[])
    const forwarded = httpRequest(target + path, { method, headers: requestHeaders, agent: false }).end(requestBody)
    const [answer] = await once(forwarded, 'response') as [IncomingMessage]
    const { statusCode: status = 0, headers } = answer
    const body = Buffer.concat(await answer.toArray() as Buffer[])
    exchanges.push({ method, path, requestHeaders, requestBody, status, headers, body })
    response.writeHead(status, headers).end(body)
  }
  const server = createServer((request, response) => void handle(request, response).catch(() => request.socket.destroy()))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exchanges,
    forwardTo(url) { target = url },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
