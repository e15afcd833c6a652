import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent } from 'node:https'
import { after, before, describe, test } from 'node:test'
import { connect, createSecureContext, type TLSSocket } from 'node:tls'
import type { Certified } from '../../src/simulator/certificates.ts'
import { startService, type Service } from '../support/service.ts'
import { ask, assertRefused, issue, list, temporaryFiles, testClock, type Question } from './callers.ts'
import { certificateAuthority, clientIdentity, clientName, keyPem, serverIdentity, type Identity } from './certificates.ts'

const CHALLENGE = 'ClientCertificate realm="attestation-bundler"'
const YEAR_MS = 365 * 86_400_000

const files = temporaryFiles()
const clock = testClock()
let ca: Certified
let billing: Identity
let service: Service
before(async () => {
  ca = await certificateAuthority('Callers')
  billing = await clientIdentity('billing', ca)
  const server = await serverIdentity(ca)
  const subjectOf = (commonName: string): string => `CN=${commonName},O=Example AG,C=CH`
  service = await startService({
    now: clock.now,
    env: {
      AUTH_MODE: 'mtls', TRUST_PROXY: 'loopback',
      TLS_CERT_FILE: files.write('server.pem', server.cert), TLS_KEY_FILE: files.write('server.key', server.key),
      TLS_CLIENT_CA_FILE: files.write('ca.pem', ca.pem),
      AUTH_CLIENTS_FILE: files.writeJson('clients.json', [
        { id: 'billing', subject: subjectOf('billing'), labels: ['*'] }, { id: 'ca', subject: 'CN=Callers', labels: ['*'] },
        { id: 'sub', subject: 'CN=Sub', labels: ['*'] }, { id: 'short', subject: subjectOf('short'), labels: ['*'] },
      ]),
    },
  })
})
after(() => service.stop())

const by = (identity: Identity | undefined, more: Question = {}): Question => ({ ...more, tls: { ca: ca.pem, ...identity } })
const refused = (identity: Identity | undefined): Promise<unknown> => assertRefused(service, by(identity), CHALLENGE)

describe('a client certificate', () => {
  test('makes a bundle for the client that its subject names', async () => {
    assert.equal((await issue(service, 'mtls-1', by(billing))).status, 201)
    assert.equal((await service.logged((line) => line['label'] === 'mtls-1' && line['outcome'] === 'completed'))['caller'], 'billing')
  })
  test('may be of any purpose where it names none (RFC 5280, section 4.2.1.12)', async () => {
    assert.equal((await list(service, 'x', by(await clientIdentity('billing', ca, { usages: [] })))).status, 200)
  })
  test('may come from a CA below the trusted one, with its chain', async () => {
    const below = await certificateAuthority('Below', ca)
    const { cert, key } = await clientIdentity('billing', below)
    assert.equal((await list(service, 'x', by({ cert: cert + below.pem, key }))).status, 200)
    assert.equal(await refused({ cert, key }), 'invalid')
  })

  test('that is missing is refused', async () => assert.equal(await refused(undefined), 'missing'))
  test('of another CA of the same name is refused', async () => {
    assert.equal(await refused(await clientIdentity('billing', await certificateAuthority('Callers'))), 'invalid')
    assert.equal(await refused(await clientIdentity('billing', await certificateAuthority('Others'))), 'invalid')
  })
  test('that signed itself is refused', async () => assert.equal(await refused(await clientIdentity('billing', undefined)), 'invalid'))
  test('of the right CA, but of nobody\'s subject is refused', async () => {
    for (const name of ['shop', 'Billing', 'billing ', 'billing,O=Example AG']) {
      assert.equal(await refused(await clientIdentity(name, ca)), 'unknown-client', name)
    }
  })
  test('with the same attributes in another order is somebody else\'s', async () => {
    assert.equal(await refused(await clientIdentity(clientName('billing').toReversed(), ca)), 'unknown-client')
  })
  test('without a subject, or with an attribute that has no name, is refused', async () => {
    assert.match(String(await refused(await clientIdentity([], ca))), /^(invalid|unknown-client)$/)
    assert.equal(await refused(await clientIdentity([[{ type: '1.2.3.4', value: 'billing' }]], ca)), 'invalid')
  })
  test('that expired, or is not yet valid, is refused', async () => {
    const now = Date.now()
    assert.equal(await refused(await clientIdentity('billing', ca, { notAfter: new Date(now - 60_000) })), 'expired')
    assert.equal(await refused(await clientIdentity('billing', ca, { notBefore: new Date(now + YEAR_MS) })), 'invalid')
  })
  test('for servers only, or for any purpose but clients, is refused', async () => {
    for (const usages of [['SERVER_AUTH'], ['CODE_SIGNING', 'EMAIL_PROTECTION'], ['ANY_EXTENDED_KEY_USAGE']] as const) {
      assert.equal(await refused(await clientIdentity('billing', ca, { usages })), 'invalid')
    }
  })
  test('of a CA is refused, though its subject is listed: the root itself, and one below it', async () => {
    assert.equal(await refused({ cert: ca.pem, key: keyPem(ca) }), 'invalid')
    const below = await certificateAuthority('Sub', ca)
    assert.equal(await refused({ cert: below.pem, key: keyPem(below) }), 'invalid')
  })
  test('in a header, as a proxy would write it, opens nothing', async () => {
    const certificate = encodeURIComponent(billing.cert)
    const headers = {
      'x-client-cert': certificate, 'x-forwarded-client-cert': `Cert="${certificate}"`, 'client-cert': ':MIIB:',
      'x-ssl-client-s-dn': 'CN=billing,O=Example AG,C=CH', 'x-ssl-client-verify': 'SUCCESS',
    }
    assert.equal(await assertRefused(service, by(undefined, { headers }), CHALLENGE), 'missing')
  })
  test('is not asked for by the routes of operators', async () => {
    for (const path of ['/livez', '/readyz', '/metrics']) assert.equal((await ask(service.url + path, by(undefined))).status, 200, path)
  })
})

describe('a connection', () => {
  const port = (): number => Number(new URL(service.url).port)

  test('does not outlive its certificate', async () => {
    const short = await clientIdentity('short', ca, { notAfter: new Date(Date.now() + YEAR_MS) })
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: ca.pem, ...short })
    assert.equal((await list(service, 'x', by(short, { agent }))).status, 200)
    const [socket] = Object.values(agent.freeSockets)[0] ?? []
    assert.ok(socket)
    clock.pass(YEAR_MS + 1_000)
    assert.equal(await assertRefused(service, by(short, { agent }), CHALLENGE), 'expired')
    if (!socket.destroyed) await once(socket, 'close')
    agent.destroy()
    clock.pass(-YEAR_MS - 1_000)
  })
  test('that was refused is closed: only a new one can show another certificate', async () => {
    assert.equal((await list(service, 'x', by(undefined, { headers: { 'x-forwarded-for': '192.0.2.1' } }))).headers.connection, 'close')
  })
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const [who, identity] of [['without a certificate', () => undefined], ['with a certificate', () => billing]] as const) {
      test(`under ${version} ${who} is never resumed: what an earlier handshake found is not found again`, async () => {
        const options = { host: '127.0.0.1', port: port(), ca: ca.pem, minVersion: version, maxVersion: version, ...identity() }
        let session: Buffer | undefined
        const first = connect(options).on('session', (ticket) => { session = ticket })
        await once(first, 'secureConnect')
        await answered(first)
        session ??= first.getSession()
        const second = connect({ ...options, cert: undefined, key: undefined, ...(session && { session }) })
        await once(second, 'secureConnect')
        assert.equal(second.isSessionReused(), false)
        assert.match(await answered(second), /^HTTP\/1.1 401 /)
        first.destroy()
        second.destroy()
      })
    }
  }
  test('cannot change its certificate by a renegotiation', async () => {
    const forged = await clientIdentity('billing', undefined)
    const other = await clientIdentity('nobody', ca)
    const socket = connect({ host: '127.0.0.1', port: port(), ca: ca.pem, maxVersion: 'TLSv1.2', ...other })
    await once(socket, 'secureConnect')
    socket.setKeyCert(createSecureContext(forged))
    const closed = once(socket, 'close').then(() => 'closed', () => 'refused')
    const renegotiated = new Promise((resolve) => {
      socket.renegotiate({ rejectUnauthorized: true }, (error) => resolve(error === null ? 'renegotiated' : 'refused'))
    })
    assert.equal(await Promise.race([renegotiated, closed]), 'refused')
    socket.destroy()
  })
  test('of TLS 1.1 is not made', async () => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    const socket = connect({ host: '127.0.0.1', port: port(), ca: ca.pem, ...old })
    await assert.rejects(once(socket, 'secureConnect'), /alert protocol version/)
  })

  /** Asks for the list over a raw connection. */
  async function answered(socket: TLSSocket): Promise<string> {
    socket.write('GET /v1/attestation-bundles?label=x HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.2\r\n\r\n')
    const [chunk] = await once(socket, 'data') as [Buffer]
    return String(chunk)
  }
})
