import { createRemoteJWKSet, customFetch, errors, jwtVerify, type FetchImplementation, type JWTVerifyResult } from 'jose'
import type { WatchedFiles } from '../settings/watched-files.ts'
import { BEARER_CHALLENGE, callerOf, type Authenticator, type Outcome } from './authenticator.ts'
import { bearerToken } from './bearer.ts'
import type { Client } from './clients.ts'

export interface JwtSettings {
  readonly jwksUrl: URL
  readonly issuer: string
  readonly audience: string
}

/**
 * Signatures only: with HS* a public key that everyone can read would pass as the secret (RFC 8725, section 2.1), and `none` is no
 * signature. RS256 because most issuers sign with nothing else; the longer RS* and PS* add nothing that ES384 and EdDSA do not have.
 */
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519']
/** Issuer and service keep their clocks by NTP: more than this is an expired token. */
const CLOCK_TOLERANCE_S = 5
/** An issuer's token has one or two KiB. More is not worth decoding. */
const TOKEN_LIMIT = 8_192
/** A key that the issuer took back is trusted for so long. */
const JWKS_CACHE_MS = 600_000
/** An unknown `kid` makes the keys be fetched anew, but not more often: anyone can send one. */
const JWKS_COOLDOWN_MS = 30_000
const JWKS_TIMEOUT_MS = 5_000
/** A JWKS has some KiB. What never ends would fill the memory until the time is up. */
const JWKS_LIMIT = 262_144
/** Characters of a subject in the log. */
const SHOWN = 200

/**
 * Callers with a JWT of an issuer (RFC 7519, RFC 8725, RFC 9068): signature by a key of the JWKS, `iss`, `aud`, `exp`, `nbf`; `sub` names
 * the client. Keys in the token itself (`jwk`, `jku`, `x5u`, `x5c`) are never looked at.
 * @param clients read again when their file changes
 * @param now the clock
 * @param warn gets told where the keys cannot be fetched at the start
 */
export function jwts(
  { jwksUrl, issuer, audience }: JwtSettings, clients: WatchedFiles<readonly Client[]>, now: () => Date, warn: (message: string) => void,
): Authenticator {
  const keys = createRemoteJWKSet(jwksUrl, {
    cacheMaxAge: JWKS_CACHE_MS, cooldownDuration: JWKS_COOLDOWN_MS, timeoutDuration: JWKS_TIMEOUT_MS, [customFetch]: fetchWithinLimit,
  })
  // The first caller need not wait for it, and an operator learns of a wrong address before a caller does.
  keys.reload().catch((error: unknown) => warn(`AUTH_JWKS_URL: ${causeOf(error)}; it is tried again when a caller comes`))

  return {
    challenge: BEARER_CHALLENGE,
    perConnection: false,
    async check(request) {
      const token = bearerToken(request)
      if (typeof token !== 'string') return token
      if (token.length > TOKEN_LIMIT) return { refused: 'malformed', detail: 'too long' }
      try {
        const verified = await jwtVerify(token, keys, {
          algorithms: ALGORITHMS, issuer, audience, requiredClaims: ['exp', 'sub'], clockTolerance: CLOCK_TOLERANCE_S, currentDate: now(),
        })
        const { sub } = verified.payload
        const client = clients.current().find(({ subject }) => subject === sub)
        return refusedUse(verified) ?? callerOf(client, `sub ${JSON.stringify(sub).slice(0, SHOWN)}`)
      } catch (error) {
        return outcomeOf(error)
      }
    },
  }
}

const fetchWithinLimit: FetchImplementation = async (url, options) => {
  const answer = await fetch(url, options)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of answer.body ?? []) {
    size += chunk.length
    // Leaving the loop ends the connection.
    if (size > JWKS_LIMIT) throw new Error(`the answer has more than ${JWKS_LIMIT} bytes`)
    chunks.push(chunk)
  }
  return new Response(Buffer.concat(chunks), answer)
}

/** A token that the issuer signed for something else than being shown here as it is. */
function refusedUse({ protectedHeader: { typ = 'JWT' }, payload: { cnf } }: JWTVerifyResult): Outcome | undefined {
  // RFC 8725, section 3.11: a logout token or a security event has the same issuer, and may have the same audience.
  if (!/^(application\/)?(at\+)?jwt$/i.test(typ)) return { refused: 'invalid', detail: 'typ' }
  // Bound to a key or certificate (RFC 7800, RFC 8705, RFC 9449), whose possession is not proven here: it may be stolen.
  return cnf === undefined ? undefined : { refused: 'invalid', detail: 'cnf' }
}

const OF_THE_TOKEN: ReadonlySet<string> = new Set([
  errors.JWSSignatureVerificationFailed, errors.JOSEAlgNotAllowed, errors.JOSENotSupported, errors.JWKSNoMatchingKey,
  errors.JWKSMultipleMatchingKeys,
].map(({ code }) => code))

/** What is wrong with the token is the caller's; what is wrong with the keys is not. */
function outcomeOf(error: unknown): Outcome {
  if (error instanceof errors.JWTExpired) return { refused: 'expired' }
  if (error instanceof errors.JWTClaimValidationFailed) return { refused: 'invalid', detail: error.claim }
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) return { refused: 'malformed' }
  if (error instanceof errors.JOSEError && OF_THE_TOKEN.has(error.code)) return { refused: 'invalid', detail: error.code }
  return { unavailable: `AUTH_JWKS_URL: ${causeOf(error)}` }
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error'
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message
}
