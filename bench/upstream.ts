import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { KEY_SIZE, prepareEvidence, type EvidenceSize } from './evidence.ts'

/**
 * What the bench has in the TSB's place, a process of its own: `node bench/upstream.ts [small]`, started by workers.ts. It keeps no keys: a
 * label says which of the prepared ones it has. Its parent may tell it `{ delayMs }`, which create-key then takes.
 */
export interface UpstreamReady {
  readonly url: string
  readonly rootPem: string
  readonly keySize: number
}

const size: EvidenceSize = process.argv[2] === 'small' ? 'small' : 'vendor'
const evidence = await prepareEvidence(size)
let delayMs = 0

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => { answer(request, response, Buffer.concat(chunks)) })
})
// Callers close; idle connections stay from one round to the next.
server.keepAliveTimeout = 0
server.listen(0, '127.0.0.1', 4_096, () => {
  const { port } = server.address() as AddressInfo
  const ready: UpstreamReady = { url: `http://127.0.0.1:${port}`, rootPem: evidence.rootPem, keySize: KEY_SIZE[size] }
  process.send?.(ready)
})
process.on('message', (told: { readonly delayMs: number }) => {
  delayMs = told.delayMs
  process.send?.({ delayMs })
})
process.on('disconnect', () => { process.exit() })

function answer(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const label = labelIn(body)
  switch (`${request.method} ${request.url}`) {
    case 'POST /v1/key':
      if (delayMs === 0) sendJson(response, 201, evidence.createdKey(label))
      else setTimeout(() => { sendJson(response, 201, evidence.createdKey(label)) }, delayMs)
      return
    case 'POST /v1/certificate/synchronous/request': return sendJson(response, 200, { label, certificateSigningRequest: evidence.csr(label) })
    case 'POST /v1/certificate/synchronous/request/download': return send(response, 200, 'application/octet-stream', Buffer.from(evidence.csr(label)))
    case 'POST /v1/key/keyAttestation': return send(response, 200, 'application/octet-stream', evidence.exportZip(label))
    case 'POST /v1/key/deleteKey': return send(response, 200, 'application/json', Buffer.alloc(0))
    case 'GET /v1/versionInfo': return sendJson(response, 200, { Version: '2.5.1' })
    default: return sendJson(response, 404, { errorCode: 650, reason: 'res.error.key.not.existent', message: `Key with name '${label}' does not exist.` })
  }
}

function labelIn(body: Buffer): string {
  if (body.length === 0) return ''
  const { label, signKeyName } = JSON.parse(body.toString()) as { readonly label?: string; readonly signKeyName?: string }
  return label ?? signKeyName ?? ''
}

const sendJson = (response: ServerResponse, status: number, value: unknown): void => send(response, status, 'application/json', Buffer.from(JSON.stringify(value)))

function send(response: ServerResponse, status: number, type: string, body: Buffer): void {
  response.writeHead(status, { 'content-type': type, 'content-length': body.length })
  response.end(body)
}
