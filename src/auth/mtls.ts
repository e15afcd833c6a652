import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { WatchedFiles } from '../settings/watched-files.ts'
import { callerOf, type Authenticator } from './authenticator.ts'
import { rfc2253Subject } from './certificate-subject.ts'
import type { Client } from './clients.ts'

/** What a handshake found out about the other side. */
export interface Peer {
  /** The chain ends at TLS_CLIENT_CA_FILE, in time, and for this purpose. */
  readonly trusted: boolean
  /** Why it is not. */
  readonly reason?: string
  readonly certificate?: X509Certificate
}

/** Reads it once, at the end of the handshake: a renegotiation could put another certificate beside the outcome of the first. */
export function peerOf(socket: TLSSocket): Peer {
  const certificate = socket.getPeerX509Certificate()
  // An X.509 error code of OpenSSL, e.g. CERT_HAS_EXPIRED; the type says Error.
  const reason = socket.authorizationError as unknown
  return { trusted: socket.authorized, ...(certificate !== undefined && { certificate }), ...(typeof reason === 'string' && { reason }) }
}

/**
 * Callers with a client certificate. The subject names the client, so every CA of TLS_CLIENT_CA_FILE can name every client.
 * @param clients read again when their file changes
 * @param found what the handshake of a connection found; undefined where the CAs changed since
 * @param now the clock: a connection may outlive its certificate
 */
export function clientCertificates(
  clients: WatchedFiles<readonly Client[]>, found: (socket: Socket) => Peer | undefined, now: () => Date,
): Authenticator {
  return {
    // There is no registered scheme for client certificates, and RFC 9110, section 15.5.2, asks for a challenge: this name is our own.
    challenge: 'ClientCertificate realm="attestation-bundler"',
    perConnection: true,
    check(request) {
      const peer = found(request.socket)
      if (peer === undefined) return { refused: 'invalid', detail: 'the CAs changed since this connection began' }
      const { trusted, certificate, reason } = peer
      // Also where `trusted` is true: that is what Node says of a resumed session without any certificate.
      if (certificate === undefined) return { refused: 'missing' }
      if (!trusted) return { refused: reason === 'CERT_HAS_EXPIRED' ? 'expired' : 'invalid', detail: reason ?? 'not trusted' }
      if (certificate.validToDate < now()) return { refused: 'expired' }
      if (certificate.ca) return { refused: 'invalid', detail: 'a CA is not a caller' }
      const subject = rfc2253Subject(certificate)
      if (subject === undefined) return { refused: 'invalid', detail: 'its subject has an attribute without a name' }
      return callerOf(clients.current().find((client) => client.subject === subject), subject)
    },
  }
}
