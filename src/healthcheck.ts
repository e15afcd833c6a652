import { request as plain } from 'node:http'
import { request as tls } from 'node:https'

/**
 * The image's HEALTHCHECK: asks this container's own /livez. It runs every two seconds, so it reads the three variables it needs by
 * itself instead of loading all that `config.ts` checks.
 */
const { HOST = '', PORT = '3000', TLS_CERT_FILE = '' } = process.env
/** A server on one address answers there only; these stand for all. */
const host = ['', '0.0.0.0', '::'].includes(HOST) ? '127.0.0.1' : HOST
const options = { host, port: PORT, path: '/livez', timeout: 2_000 }
// The certificate names the service, not the loopback address; only liveness is asked here, and nothing is sent.
const request = TLS_CERT_FILE === '' ? plain(options) : tls({ ...options, rejectUnauthorized: false })
request.on('response', (answer) => { process.exit(answer.statusCode === 200 ? 0 : 1) })
request.on('timeout', () => { request.destroy() })
request.on('error', () => { process.exit(1) })
request.end()
