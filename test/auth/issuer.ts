import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTHeaderParameters, type JWTPayload } from 'jose'

export interface IssuerKeys {
  readonly kid: string
  readonly algorithm: string
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
  readonly jwk: JWK
}

export interface Issuer {
  readonly url: string
  readonly jwksUrl: string
  readonly requests: string[]
  /** Answers in place of the JWKS. */
  broken: undefined | { readonly status: number; readonly body: string; /** Without end. */ readonly again?: boolean }
  close(): Promise<void>
}

export const AUDIENCE = 'https://bundler.example'

export async function issuerKeys(kid: string, algorithm = 'ES256'): Promise<IssuerKeys> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  return { kid, algorithm, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' } }
}

/** A server of keys, which says what it was asked for. */
export async function startIssuer(keys: readonly JWK[]): Promise<Issuer> {
  const requests: string[] = []
  const server: Server = createServer((request, response) => {
    requests.push(request.url ?? '')
    const { status, body, again = false } = issuer.broken ?? { status: 200, body: JSON.stringify({ keys }) }
    response.writeHead(status, { 'content-type': 'application/json' })
    const more = (): void => { while (!response.destroyed && response.write(body)); }
    if (again) { response.on('drain', more); more() } else response.end(body)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const issuer: Issuer = {
    url, jwksUrl: `${url}/jwks`, requests, broken: undefined,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return issuer
}

export const seconds = (date: Date): number => Math.floor(date.getTime() / 1000)

/** A good token, but for what is given. `undefined` leaves a claim or a header parameter out. */
export function token(
  { algorithm, kid, privateKey }: IssuerKeys, iss: string, claims: JWTPayload = {}, header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const now = seconds(new Date())
  const payload = { iss, aud: AUDIENCE, sub: 'svc-billing', iat: now, exp: now + 300, ...claims }
  const protectedHeader = defined({ alg: algorithm, kid, typ: 'at+jwt', ...header }) as JWTHeaderParameters
  return new SignJWT(defined(payload)).setProtectedHeader(protectedHeader).sign(privateKey)
}

const defined = (members: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))

/** Puts together a token by hand: what no library would make. */
export const assembled = (header: object, payload: object, signature = ''): string =>
  [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).concat(signature).join('.')
