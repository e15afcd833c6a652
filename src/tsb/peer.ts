import type { X509Certificate } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** Who stands at the other end of a connection to the TSB. */
export interface Peer {
  /** IP address and port. */
  readonly address: string
  /** Undefined for plain http. */
  readonly tls?: {
    /** E.g. `TLSv1.3`. */
    readonly version: string
    /** The certificate that was verified. */
    readonly certificate: X509Certificate
  }
}

/** What undici tells of a new connection (its DiagnosticsChannel documentation). */
interface Connected {
  readonly connectParams: { readonly host: string; readonly protocol: string }
  readonly socket: Socket
}

/**
 * Watches the connections that calls to a TSB open, so that what is told of the peer is told of the connection that was used.
 * @param url of the TSB
 * @returns `peer`: who answered first, undefined before a connection stood; `stop` ends the watch
 */
export function watchPeer(url: string): { peer(): Peer | undefined; stop(): void } {
  const { host, protocol } = new URL(url)
  let seen: Peer | undefined
  const connected = (message: unknown): void => {
    const { connectParams, socket } = message as Connected
    // A later connection resumes the TLS session of the first, and then brings no certificate.
    if (seen === undefined && connectParams.host === host && connectParams.protocol === protocol) seen = peerOf(socket)
  }
  subscribe('undici:client:connected', connected)
  return { peer: () => seen, stop: () => { unsubscribe('undici:client:connected', connected) } }
}

function peerOf(socket: Socket): Peer {
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined
  const version = socket instanceof TLSSocket ? socket.getProtocol() : null
  const { remoteAddress = '?', remotePort = 0 } = socket
  return {
    address: remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`,
    ...(certificate !== undefined && version !== null && { tls: { version, certificate } }),
  }
}
