import type { Socket } from 'node:net'
import { watchFiles, type WatchedFiles } from '../settings/watched-files.ts'
import { apiKeys } from './api-key.ts'
import type { AuthSettings, ClientsFile } from './auth-settings.ts'
import type { Authenticator } from './authenticator.ts'
import { parseClients, type Client, type ClientMode } from './clients.ts'
import { jwts } from './jwt.ts'
import { clientCertificates, type Peer } from './mtls.ts'

/** Lines for operators. */
export interface AuthLog {
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

export interface Around {
  /** What the handshake of a connection found; undefined where it is no TLS, or the CAs changed since. */
  peerOf(socket: Socket): Peer | undefined
  readonly log: AuthLog
  now(): Date
}

/** With AUTH_MODE=none there is one caller, who may use every label. */
const EVERYONE = { id: 'anonymous', labels: ['*'] }

/** Opens what AUTH_MODE asks for. */
export function openAuthenticator(settings: AuthSettings, { peerOf, log, now }: Around): Authenticator {
  switch (settings.mode) {
    case 'none': return { challenge: '', perConnection: false, check: () => ({ caller: EVERYONE }) }
    case 'api-key': return apiKeys(watchClients(settings.clients, settings.mode, log, now))
    case 'jwt': return jwts(settings.jwt, watchClients(settings.clients, settings.mode, log, now), now, (message) => log.warn(message))
    case 'mtls': return clientCertificates(watchClients(settings.clients, settings.mode, log, now), peerOf, now)
  }
}

function watchClients({ path, content }: ClientsFile, mode: ClientMode, log: AuthLog, now: () => Date): WatchedFiles<readonly Client[]> {
  return watchFiles({
    paths: [path], first: [content], now,
    parse: ([text = '']) => parseClients(text, mode),
    changed: (clients) => log.info(`AUTH_CLIENTS_FILE was read again: ${clients.length} ${clients.length === 1 ? 'client' : 'clients'}`),
    failed: (reason) => log.error(`AUTH_CLIENTS_FILE: ${reason}; the clients of before stay in force`),
  })
}
