import type { IncomingMessage } from 'node:http'
import type { Outcome } from './authenticator.ts'

/**
 * The token of `Authorization: Bearer <token>` (RFC 6750, section 2.1). The scheme is in any case (RFC 9110, section 11.1).
 * @returns the token, or why there is none
 */
export function bearerToken(request: IncomingMessage): string | Extract<Outcome, { refused: unknown }> {
  // Not `headers`: of two fields Node keeps the first there, and a proxy in front may have looked at the second.
  const [field, ...more] = request.headersDistinct['authorization'] ?? []
  if (field === undefined) return { refused: 'missing' }
  const token = /^bearer +([!-~]+)$/i.exec(field)?.[1]
  return token === undefined || more.length > 0 ? { refused: 'malformed' } : token
}
