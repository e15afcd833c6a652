import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent } from 'node:https'
import { describe, test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { startService, type Service } from '../support/service.ts'
import { ask, bearer, issue, list, sha256, temporaryFiles, type Question } from './callers.ts'
import { certificateAuthority, clientIdentity, serverIdentity, type Identity } from './certificates.ts'

const files = temporaryFiles()
const ca = await certificateAuthority('Servers')
const KEY = 'the-key-of-billing'

function writePair(name: string, { cert, key }: Identity): { TLS_CERT_FILE: string; TLS_KEY_FILE: string } {
  return { TLS_CERT_FILE: files.write(`${name}.pem`, cert), TLS_KEY_FILE: files.write(`${name}.key`, key) }
}

/** The serial number of the certificate that a new connection sees. */
async function serialAt({ url }: Service): Promise<string> {
  const socket: TLSSocket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), ca: ca.pem })
  await once(socket, 'secureConnect')
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber
}
const readAgain = (service: Service): Promise<unknown> =>
  service.logged((line) => line['msg'] === 'the TLS certificate files were read again')

describe('certificate files', { concurrency: true }, () => {
  test('are read again when they changed; halves of two pairs are not used', async (t) => {
    const [first, second] = await Promise.all([serverIdentity(ca), serverIdentity(ca)])
    const service = await startService({ env: {
      ...writePair('server', first), AUTH_MODE: 'api-key',
      AUTH_CLIENTS_FILE: files.writeJson('keys.json', [{ id: 'billing', apiKeySha256: sha256(KEY), labels: ['*'] }]),
    } })
    t.after(() => service.stop())
    const question = { headers: bearer(KEY), tls: { ca: ca.pem } }
    assert.match(service.url, /^https:/)
    assert.equal((await issue(service, 'tls-1', question)).status, 201)
    const before = await serialAt(service)
    const open = new Agent({ keepAlive: true, ca: ca.pem, maxSockets: 1 })
    assert.equal((await list(service, 'x', { ...question, agent: open })).status, 200)

    writePair('server', { cert: second.cert, key: first.key })
    const { level, msg } = await service.logged((line) => String(line['msg']).startsWith('TLS_CERT_FILE: '))
    assert.equal(level, 50)
    assert.equal(msg, 'TLS_CERT_FILE: the files hold no certificate with its private key; the certificate of before stays in force')
    assert.equal(await serialAt(service), before)

    writePair('server', second)
    await readAgain(service)
    assert.notEqual(await serialAt(service), before)
    assert.equal((await list(service, 'x', { ...question, agent: open })).status, 200)
    open.destroy()
  })

  test('of client CAs are read again too: whom only the CA of before vouches for is out, on open connections as well', async (t) => {
    const [old, renewed] = await Promise.all([certificateAuthority('Callers'), certificateAuthority('Callers')])
    const [before, afterwards] = await Promise.all([clientIdentity('billing', old), clientIdentity('billing', renewed)])
    const service = await startService({ env: {
      ...writePair('mutual', await serverIdentity(ca)), TLS_CLIENT_CA_FILE: files.write('clients.pem', old.pem),
      AUTH_MODE: 'mtls',
      AUTH_CLIENTS_FILE: files.writeJson('subjects.json', [{ id: 'billing', subject: 'CN=billing,O=Example AG,C=CH', labels: ['*'] }]),
    } })
    t.after(() => service.stop())
    const kept = (identity: Identity): Agent => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: ca.pem, ...identity })
      t.after(() => agent.destroy())
      return agent
    }
    const [idle, busy] = [kept(before), kept(before)]
    const by = (identity: Identity, agent?: Agent): Question => ({ tls: { ca: ca.pem, ...identity }, ...(agent && { agent }) })
    assert.equal((await list(service, 'x', by(before, idle))).status, 200)
    assert.equal((await list(service, 'x', by(afterwards))).status, 401)
    const [socket] = Object.values(idle.freeSockets)[0] ?? []
    assert.ok(socket)

    service.simulator.faults.set('certificate-request', { kind: 'slow', delayMs: 1_200 })
    const running = issue(service, 'tls-2', by(before, busy))
    await service.logged((line) => line['call'] === 'create-key')
    files.write('clients.pem', renewed.pem)
    await readAgain(service)
    if (!socket.destroyed) await once(socket, 'close')
    assert.equal((await list(service, 'x', by(before, idle))).status, 401)
    assert.equal((await list(service, 'x', by(afterwards))).status, 200)
    assert.equal((await ask(`${service.url}/livez`, { tls: { ca: ca.pem } })).status, 200)
    // What was accepted before still ends well; its connection is good for nothing else.
    const next = list(service, 'x', by(before, busy))
    assert.deepEqual([(await running).status, (await next).status], [201, 401])
  })
})
