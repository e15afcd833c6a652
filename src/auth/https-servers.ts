import { constants } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { createServer, type Server, type ServerOptions } from 'node:https'
import type { Socket } from 'node:net'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { areAuthorities } from '../settings/files.ts'
import { watchFiles } from '../settings/watched-files.ts'
import { peerOf, type Peer } from './mtls.ts'
import type { AuthLog } from './open-authenticator.ts'

/** The certificate files as they were at the start; they are read again later. */
export interface TlsSettings {
  readonly cert: string
  readonly key: string
  /** With it, client certificates are asked for, and refused by the routes that need one: a health check has none. */
  readonly clientCa?: string
  readonly paths: { readonly cert: string; readonly key: string; readonly clientCa?: string }
}

export interface HttpsServers {
  /** Makes a server that always has the certificate of now. A host with several addresses has several servers. */
  create(options: ServerOptions, handler: RequestListener): Server
  /** What the handshake of a connection found; undefined where the CAs changed since. */
  peerOf(socket: Socket): Peer | undefined
  /** Ends the looking. */
  close(): void
}

/** A handshake can't wait for a request to look at the files, so a timer does. */
const LOOK_EVERY_MS = 1_000

/**
 * No tickets: a resumed session would repeat what an earlier handshake found, under CAs and dates of then. No renegotiation: TLS 1.2 would
 * change the certificate of a connection that was already accepted.
 */
const EACH_HANDSHAKE_ANEW = constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION

/** HTTPS with certificate files that may change while it serves. */
export function openHttpsServers({ cert, key, clientCa, paths }: TlsSettings, log: AuthLog): HttpsServers {
  const servers: Server[] = []
  let peers = new WeakMap<Socket, Peer>()
  let ca = clientCa

  const files = watchFiles({
    paths: [paths.cert, paths.key, ...(paths.clientCa === undefined ? [] : [paths.clientCa])],
    first: [cert, key, ...(clientCa === undefined ? [] : [clientCa])],
    parse: contextOf, now: () => new Date(),
    changed(context) {
      for (const server of servers) server.setSecureContext(context)
      if (context.ca !== ca) {
        ca = context.ca
        // Whom the CAs of before vouched for has to show its certificate again.
        peers = new WeakMap()
        for (const server of servers) server.closeIdleConnections()
      }
      log.info('the TLS certificate files were read again')
    },
    failed: (reason) => log.error(`TLS_CERT_FILE: ${reason}; the certificate of before stays in force`),
  })
  const timer = setInterval(files.look, LOOK_EVERY_MS).unref()

  return {
    create(options, handler) {
      const asked = clientCa === undefined ? {} : { requestCert: true, rejectUnauthorized: false }
      const server = createServer({ ...options, ...asked, ...files.current() }, handler)
      // Before Node's own listener, which may read a request at once.
      if (clientCa !== undefined) server.prependListener('secureConnection', (socket) => { peers.set(socket, peerOf(socket)) })
      servers.push(server)
      return server
    },
    peerOf: (socket) => peers.get(socket),
    close: () => { clearInterval(timer) },
  }
}

/** @throws Error where the files don't fit together, as for the moment between the writing of the one and of the other */
function contextOf([cert = '', key = '', ca]: readonly string[]): SecureContextOptions & { readonly ca?: string } {
  if (ca !== undefined && !areAuthorities(ca)) throw new Error('TLS_CLIENT_CA_FILE holds no CA certificates')
  const context = { cert, key, minVersion: 'TLSv1.2' as const, ...(ca !== undefined && { ca, secureOptions: EACH_HANDSHAKE_ANEW }) }
  try {
    createSecureContext(context)
  } catch {
    throw new Error('the files hold no certificate with its private key')
  }
  return context
}
