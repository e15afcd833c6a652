import type { Environment } from '../settings/environment.ts'
import type { FileReader } from '../settings/files.ts'
import { isLoopback, readJwksUrl } from '../settings/values.ts'
import { ClientsFault, parseClients, type ClientMode } from './clients.ts'
import type { JwtSettings } from './jwt.ts'

/** The clients file as it was at the start; it is read again later. */
export interface ClientsFile {
  readonly path: string
  readonly content: string
}

export type AuthSettings =
  | { readonly mode: 'none' }
  | { readonly mode: 'api-key' | 'mtls'; readonly clients: ClientsFile }
  | { readonly mode: 'jwt'; readonly clients: ClientsFile; readonly jwt: JwtSettings }

const REQUIRED = {
  'api-key': ['AUTH_CLIENTS_FILE'],
  jwt: ['AUTH_CLIENTS_FILE', 'AUTH_JWKS_URL', 'AUTH_ISSUER', 'AUTH_AUDIENCE'],
  mtls: ['AUTH_CLIENTS_FILE', 'TLS_CERT_FILE', 'TLS_KEY_FILE', 'TLS_CLIENT_CA_FILE'],
  none: [],
} as const satisfies Record<Environment['AUTH_MODE'], readonly (keyof Environment)[]>

/**
 * Reads the settings of AUTH_MODE. A mode that lacks something stops the start: it must never be weaker than it was asked to be.
 * @param values the environment, AUTH_MODE already valid by its schema
 * @param faults lines are added here, and what an operator should know to `warnings`
 * @returns undefined with a fault where the mode can't be enforced
 */
export function readAuthSettings(values: Environment, files: FileReader, faults: string[], warnings: string[]): AuthSettings | undefined {
  const mode = values.AUTH_MODE
  for (const name of REQUIRED[mode]) {
    const said = faults.some((fault) => fault.startsWith(`${name}:`))
    if (values[name] === undefined && !said) faults.push(`${name}: must be set with AUTH_MODE=${mode}`)
  }
  // Whoever sets it expects callers without a certificate to be refused.
  if (values.TLS_CLIENT_CA_FILE !== undefined && mode !== 'mtls') {
    faults.push('TLS_CLIENT_CA_FILE: client certificates are checked with AUTH_MODE=mtls only')
  }
  for (const name of REQUIRED.jwt) {
    const used = REQUIRED[mode].some((needed) => needed === name)
    if (values[name] !== undefined && !used) warnings.push(`${name} is set, but nothing uses it with AUTH_MODE=${mode}`)
  }
  if (mode === 'none') return { mode }
  if (mode !== 'mtls' && values.TLS_CERT_FILE === undefined && !isLoopback(values.HOST)) {
    warnings.push(`AUTH_MODE=${mode} without TLS_CERT_FILE: credentials cross the network in clear, but for what ends TLS in front of it`)
  }

  const clients = readClientsFile(values.AUTH_CLIENTS_FILE, mode, files, faults)
  const jwksUrl = mode === 'jwt' && values.AUTH_JWKS_URL !== undefined ? readJwksUrl(values.AUTH_JWKS_URL, faults) : undefined
  if (clients === undefined) return undefined
  if (mode !== 'jwt') return { mode, clients }
  const { AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience } = values
  if (jwksUrl === undefined || issuer === undefined || audience === undefined) return undefined
  return { mode, clients, jwt: { jwksUrl, issuer, audience } }
}

function readClientsFile(path: string | undefined, mode: ClientMode, files: FileReader, faults: string[]): ClientsFile | undefined {
  const content = files.text('AUTH_CLIENTS_FILE', path)
  if (path === undefined || content === undefined) return undefined
  try {
    parseClients(content, mode)
  } catch (error) {
    if (!(error instanceof ClientsFault)) throw error
    faults.push(...error.faults.map((fault) => `AUTH_CLIENTS_FILE: ${fault}`))
  }
  return { path, content }
}
