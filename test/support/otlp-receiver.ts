import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A span as a collector gets it. */
export interface ReceivedSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  /** Undefined for the first of a trace. */
  readonly parentSpanId?: string
  readonly kind: 'internal' | 'server' | 'client'
  readonly attributes: Readonly<Record<string, string | number | boolean>>
  readonly failed: boolean
  readonly traceState: string
  readonly durationMs: number
  readonly resource: Readonly<Record<string, string | number | boolean>>
}

/** A collector: takes OTLP over HTTP, as protobuf. */
export interface OtlpReceiver {
  /** What OTEL_EXPORTER_OTLP_ENDPOINT names. */
  readonly url: string
  readonly spans: ReceivedSpan[]
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: Buffer }[]
  /** Takes requests from now on and answers none. */
  hang(): void
  /** Waits for the next request. */
  next(): Promise<unknown>
  close(): Promise<void>
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = []
  const requests: OtlpReceiver['requests'] = []
  const events = new EventEmitter()
  let hanging = false
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    requests.push({ path: request.url ?? '', headers: request.headers, body })
    spans.push(...readSpans(body))
    events.emit('request')
    // An empty ExportTraceServiceResponse: everything was taken.
    if (!hanging) response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans, requests,
    hang: () => { hanging = true },
    next: () => once(events, 'request', { signal: AbortSignal.timeout(20_000) }),
    close: () => new Promise((resolve) => {
      server.close(() => { resolve() })
      server.closeAllConnections()
    }),
  }
}

type Fields = ReadonlyMap<number, readonly (Buffer | bigint)[]>

/** Reads one protobuf message: varints, 64 and 32 bits, and lengths; nothing else is in OTLP (https://protobuf.dev/programming-guides/encoding/). */
function readMessage(bytes: Buffer): Fields {
  const fields = new Map<number, (Buffer | bigint)[]>()
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  const take = (length: number): Buffer => bytes.subarray(at, at += length)
  while (at < bytes.length) {
    const tag = Number(varint())
    const wire = tag & 7
    const value = wire === 0 ? varint() : wire === 1 ? take(8).readBigUInt64LE() : wire === 5 ? BigInt(take(4).readUInt32LE()) : wire === 2 ? take(Number(varint())) : undefined
    if (value === undefined) throw new Error(`wire type ${wire} is not in OTLP`)
    fields.set(tag >> 3, [...fields.get(tag >> 3) ?? [], value])
  }
  return fields
}

const messages = (fields: Fields, field: number): Fields[] => (fields.get(field) ?? []).map((value) => readMessage(value as Buffer))
const bytesOf = (fields: Fields, field: number): Buffer => (fields.get(field)?.[0] ?? Buffer.alloc(0)) as Buffer
const numberOf = (fields: Fields, field: number): bigint => (fields.get(field)?.[0] ?? 0n) as bigint

function attributesOf(fields: Fields, field: number): ReceivedSpan['attributes'] {
  return Object.fromEntries(messages(fields, field).map((pair) => {
    const value = readMessage(bytesOf(pair, 2))
    return [bytesOf(pair, 1).toString(), value.has(1) ? bytesOf(value, 1).toString() : value.has(2) ? numberOf(value, 2) === 1n : Number(numberOf(value, 3))]
  }))
}

/** Field numbers are those of opentelemetry/proto/trace/v1/trace.proto. */
function readSpans(body: Buffer): ReceivedSpan[] {
  return messages(readMessage(body), 1).flatMap((ofResource) => {
    const resource = attributesOf(readMessage(bytesOf(ofResource, 1)), 1)
    return messages(ofResource, 2).flatMap((ofScope) => messages(ofScope, 2)).map((span) => {
      const parent = bytesOf(span, 4).toString('hex')
      return {
        name: bytesOf(span, 5).toString(), traceId: bytesOf(span, 1).toString('hex'), spanId: bytesOf(span, 2).toString('hex'),
        ...(parent !== '' && { parentSpanId: parent }),
        kind: (['internal', 'server', 'client'] as const)[Number(numberOf(span, 6)) - 1]!,
        attributes: attributesOf(span, 9), failed: numberOf(readMessage(bytesOf(span, 15)), 3) === 2n, traceState: bytesOf(span, 3).toString(),
        durationMs: Number(numberOf(span, 8) - numberOf(span, 7)) / 1e6, resource,
      }
    })
  })
}
