import assert from 'node:assert/strict'
import { createServer } from 'node:https'
import { request as forward } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import type { Certified } from '../../src/simulator/certificates.ts'
import { certificateAuthority, clientIdentity, serverIdentity, type Identity } from '../auth/certificates.ts'
import { temporaryFiles, testClock } from '../auth/callers.ts'
import { order, startApp, startService, type Service } from '../support/service.ts'

const files = temporaryFiles()
const clock = testClock()
/** Files are looked at once a second. */
const aMoment = (): void => { clock.pass(1_100) }
const codeOf = async (answer: Response): Promise<string> => (answer.ok ? 'issued' : (await answer.json() as { code: string }).code)

describe('credentials towards the TSB that come from files', () => {
  const accepted = { keyManagement: ['management-1'], keyOperation: ['operation-1'] }
  let service: Service
  before(async () => {
    service = await startService({
      now: clock.now,
      simulator: { apiKeys: accepted },
      env: {
        TSB_KEY_MANAGEMENT_API_KEYS_FILE: files.write('management', 'management-1\n'),
        TSB_KEY_OPERATION_API_KEYS_FILE: files.write('operation', 'operation-1\n'),
      },
    })
  })
  after(() => service.stop())

  test('are read again when they change', async () => {
    assert.equal(await codeOf(await service.post(order('keys-1'))), 'issued')
    accepted.keyManagement = ['management-2']
    assert.equal(await codeOf(await service.post(order('keys-2'))), 'tsb-unauthorized')
    files.write('management', 'management-2\n')
    aMoment()
    assert.equal(await codeOf(await service.post(order('keys-2'))), 'issued')
    await service.logged(({ msg }) => msg === 'the files with credentials towards the TSB were read again')
  })

  test('stay as they were where a file becomes unusable, and the log says which without its content', async () => {
    files.write('management', 'plânted\n')
    aMoment()
    assert.equal(await codeOf(await service.post(order('keys-3'))), 'issued')
    const line = await service.logged(({ level }) => level === 50)
    assert.match(String(line['msg']), /^TSB_KEY_MANAGEMENT_API_KEYS: .*; the credentials towards the TSB of before stay in force$/)
    assert.doesNotMatch(JSON.stringify(service.log), /plânted/)
  })
})

describe('TLS towards the TSB', () => {
  let authority: Certified, another: Certified, own: Identity, expired: Identity
  let behind: Service
  before(async () => {
    [authority, another, behind] = await Promise.all([certificateAuthority('CA of the TSB'), certificateAuthority('Another CA'), startService()])
    own = await clientIdentity('bundler', authority)
    expired = await clientIdentity('bundler', authority, { notBefore: new Date('2020-01-01'), notAfter: new Date('2021-01-01') })
  })
  after(() => behind.stop())

  /** A TSB over mutual TLS: the simulator behind a server that asks for a certificate of the CA. */
  async function startTls(): Promise<{ url: string; show(identity: Identity): void; stop(): void }> {
    const server = createServer({ ...await serverIdentity(authority), ca: authority.pem, requestCert: true, rejectUnauthorized: true }, (request, response) => {
      const { url = '/', method, headers } = request
      request.pipe(forward(behind.simulator.url + url, { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(response)
      }))
    })
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    return {
      url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
      show: (identity) => { server.setSecureContext({ ...identity, ca: authority.pem }); server.closeAllConnections() },
      stop: () => { server.close(); server.closeAllConnections() },
    }
  }

  test('follows its files: client certificate and CA are replaced while the service runs', async (t) => {
    const tls = await startTls()
    t.after(() => { tls.stop() })
    const write = (identity: Identity, ca: Certified): void => {
      files.write('client.pem', identity.cert)
      files.write('client.key', identity.key)
      files.write('ca.pem', ca.pem)
    }
    write(expired, authority)
    const app = await startApp({
      TSB_URL: tls.url, JOURNAL_URL: `file:${files.write('tls.sqlite', '')}`, TRUST_ANCHORS_FILE: files.write('root.pem', behind.simulator.rootPem),
      TSB_CA_FILE: files.write('ca.pem', authority.pem), TSB_CLIENT_CERT_FILE: files.write('client.pem', expired.cert),
      TSB_CLIENT_KEY_FILE: files.write('client.key', expired.key),
    }, clock.now)
    t.after(() => app.stop())
    const issue = async (label: string): Promise<string> => {
      aMoment()
      return codeOf(await app.post(order(label)))
    }
    assert.equal(await issue('tls-1'), 'tsb-unavailable', 'an expired client certificate')
    write(own, authority)
    assert.equal(await issue('tls-2'), 'issued')
    tls.show(await serverIdentity(another))
    assert.equal(await issue('tls-3'), 'tsb-unavailable', "a server certificate of another CA than the operator's")
    write(own, another)
    assert.equal(await issue('tls-4'), 'issued', 'the new CA is read')
    write(await clientIdentity('bundler', another), another)
    assert.equal(await issue('tls-5'), 'tsb-unavailable', "a client certificate of a CA that is not the TSB's")
    assert.deepEqual(behind.simulator.labels().filter((label) => label.startsWith('tls-')), ['tls-2', 'tls-4'])
  })

  test('without a client certificate the TSB is not reached', async (t) => {
    const tls = await startTls()
    t.after(() => { tls.stop() })
    const app = await startApp({ TSB_URL: tls.url, JOURNAL_URL: `file:${files.write('bare.sqlite', '')}`, TSB_CA_FILE: files.write('bare.pem', authority.pem) })
    t.after(() => app.stop())
    const answer = await app.post(order('bare'))
    assert.equal(await codeOf(answer), 'tsb-unavailable')
    assert.deepEqual(behind.simulator.labels().filter((label) => label === 'bare'), [])
  })
})
