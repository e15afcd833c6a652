import type { FastifyRequest } from 'fastify'
import { ProblemError } from '../errors.ts'
import { checkStructure } from './json-structure.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Parses a JSON body. JSON is UTF-8 (RFC 8259, section 8.1): another charset, or bytes that are no UTF-8, would silently put other letters
 * into a name that is going to be certified.
 * @throws ProblemError `unsupported-media-type` or `invalid-request`
 */
export async function parseJsonBody(request: FastifyRequest, body: Buffer): Promise<unknown> {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(request.headers['content-type'] ?? '')?.[1]
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) throw new ProblemError('unsupported-media-type', 'JSON is UTF-8: send no other charset')
  if (body.length === 0) throw new ProblemError('invalid-request', 'the body is empty')
  const text = readUtf8(body)
  const value = parse(text)
  checkStructure(text)
  return value
}

function readUtf8(body: Buffer): string {
  try {
    return utf8.decode(body)
  } catch {
    throw notJson()
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw notJson()
  }
}

const notJson = (): ProblemError => new ProblemError('invalid-request', 'the body is not valid JSON in UTF-8')
