import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, writeFile, mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { certificateAuthority, clientIdentity, serverIdentity } from '../auth/certificates.ts'
import { assertNothingLeft, openSurgery, troubles, type DoctorRun, type Surgery } from '../support/doctor.ts'

const ROLES = { keyManagement: ['m2'], keyOperation: ['o1'], service: ['s1'] }
const KEYS = { TSB_KEY_MANAGEMENT_API_KEYS: 'm2', TSB_KEY_OPERATION_API_KEYS: 'o1', TSB_SERVICE_API_KEYS: 's1' }

describe('credentials', () => {
  const rows: readonly { name: string; options?: Parameters<typeof openSurgery>[1]; env: Record<string, string>; exitCode: number; id: string; outcome: string; detail: RegExp; hint?: RegExp }[] = [
    { name: 'that are right', env: KEYS, exitCode: 0, id: 'credentials.key-management', outcome: 'passed', detail: /^key management, API key 1 of 1: accepted\.$/ },
    {
      name: 'of which the first has run out', env: { ...KEYS, TSB_KEY_MANAGEMENT_API_KEYS: 'm1,m2' }, exitCode: 0, id: 'credentials.key-management', outcome: 'warning',
      detail: /^key management, API key 1 of 2: refused \(401, code 631\); key management, API key 2 of 2: accepted\.$/, hint: /^Check TSB_KEY_MANAGEMENT_API_KEYS/,
    },
    {
      name: 'that nobody knows', env: { ...KEYS, TSB_KEY_MANAGEMENT_API_KEYS: 'm0' }, exitCode: 1, id: 'credentials.key-management', outcome: 'failed',
      detail: /^key management, API key 1 of 1: refused \(401, code 631\)\.$/, hint: /^Check TSB_KEY_MANAGEMENT_API_KEYS/,
    },
    {
      name: 'that are missing', env: { TSB_SERVICE_API_KEYS: 's1' }, exitCode: 1, id: 'credentials.key-management', outcome: 'failed',
      detail: /^no credential: refused \(401, code 416\)\.$/, hint: /^Set TSB_KEY_MANAGEMENT_API_KEYS/,
    },
    {
      name: 'of another role, where that is 403', options: { wrongRole: { status: 403 } }, env: { ...KEYS, TSB_KEY_MANAGEMENT_API_KEYS: 'o1' }, exitCode: 1,
      id: 'credentials.key-management', outcome: 'failed', detail: /^key management, API key 1 of 1: refused \(403\)\.$/, hint: /^Check the role of TSB_KEY_MANAGEMENT_API_KEYS/,
    },
    {
      name: 'for the version, which is missing: the service goes on without', env: { TSB_KEY_MANAGEMENT_API_KEYS: 'm2' }, exitCode: 0, id: 'credentials.service', outcome: 'warning',
      detail: /^no credential: refused \(401, code 416\)\.$/, hint: /^Set TSB_SERVICE_API_KEYS/,
    },
    {
      name: 'for certificates, which key operation serves, as in 2.2', options: { certificateRole: 'operation' }, env: KEYS, exitCode: 0, id: 'credentials.certificates', outcome: 'passed',
      detail: /^key management, API key 1 of 1: refused \(401, code 631\); key operation, API key 1 of 1: accepted\.$/, hint: /^TSB_CERTIFICATE_ROLE=operation spares/,
    },
    {
      name: 'for certificates, which key operation serves, and there is no such key', options: { certificateRole: 'operation' },
      env: { TSB_KEY_MANAGEMENT_API_KEYS: 'm2', TSB_SERVICE_API_KEYS: 's1' }, exitCode: 1, id: 'credentials.certificates', outcome: 'failed',
      detail: /^key management, API key 1 of 1: refused \(401, code 631\)\.$/, hint: /TSB_KEY_OPERATION_API_KEYS and TSB_CERTIFICATE_ROLE/,
    },
    {
      name: 'for certificates, with the wrong role chosen', env: { ...KEYS, TSB_CERTIFICATE_ROLE: 'operation' }, exitCode: 1, id: 'credentials.certificates', outcome: 'failed',
      detail: /^key operation, API key 1 of 1: refused \(401, code 631\)\.$/, hint: /TSB_CERTIFICATE_ROLE/,
    },
    {
      name: 'and an access token that is not taken', options: { apiKeys: {}, bearerToken: 'good' }, env: { TSB_BEARER_TOKEN: 'bad' }, exitCode: 1, id: 'credentials.key-management', outcome: 'failed',
      detail: /^the bearer token, no API key: refused \(401, code 617\)\.$/, hint: /^Check TSB_BEARER_TOKEN/,
    },
    {
      name: 'and no access token where one is wanted', options: { apiKeys: {}, bearerToken: 'good' }, env: {}, exitCode: 1, id: 'credentials.key-management', outcome: 'failed',
      detail: /^no credential: refused \(401, code 406\)\.$/, hint: /^Set TSB_BEARER_TOKEN/,
    },
  ]
  for (const { name, options, env, exitCode, id, outcome, detail, hint } of rows) {
    test(name, async (t) => {
      const surgery = await openSurgery(t, { apiKeys: ROLES, ...options })
      const run = await surgery.run({ env })
      const found = run.finding(id)
      assert.match(found.detail, detail)
      assert.match(found.hint ?? '', hint ?? /^$/)
      assert.deepEqual([found.outcome, run.exitCode], [outcome, exitCode])
      assertNothingLeft(surgery, run)
    })
  }
})

/** TLS in front of the simulator. @returns its URL, and the path of its CA */
async function tlsFront(t: TestContext, { simulator }: Surgery, options: { clientCa?: string } = {}): Promise<{ url: string; ca: string; folder: string }> {
  const authority = await certificateAuthority('TSB CA')
  const { cert, key } = await serverIdentity(authority)
  const sockets = new Set<Socket>()
  const server = createTlsServer({ cert, key, ...(options.clientCa !== undefined && { ca: options.clientCa, requestCert: true }) }, (socket) => {
    const back = connect(Number(new URL(simulator.url).port), '127.0.0.1')
    for (const each of [socket, back]) {
      sockets.add(each)
      each.on('error', () => undefined).on('close', () => { socket.destroy(); back.destroy() })
    }
    socket.pipe(back).pipe(socket)
  }).on('tlsClientError', () => undefined)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const folder = await mkdtemp(join(tmpdir(), 'doctor-tls-'))
  t.after(async () => {
    for (const each of sockets) each.destroy()
    server.close()
    await rm(folder, { recursive: true })
  })
  await writeFile(join(folder, 'ca.pem'), authority.pem)
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, ca: join(folder, 'ca.pem'), folder }
}

describe('TLS', () => {
  test('with a CA of its own, client certificate and all roles: who answers, until when, and every finding that docs/doctor.md explains', async (t) => {
    const surgery = await openSurgery(t, { apiKeys: ROLES })
    const clients = await certificateAuthority('Clients')
    const { url, ca, folder } = await tlsFront(t, surgery, { clientCa: clients.pem })
    const client = await clientIdentity('bundler', clients)
    await writeFile(join(folder, 'client.pem'), client.cert)
    await writeFile(join(folder, 'client.key'), client.key)
    const run = await surgery.run({
      env: { ...KEYS, TSB_URL: url, TSB_CA_FILE: ca, TSB_CLIENT_CERT_FILE: join(folder, 'client.pem'), TSB_CLIENT_KEY_FILE: join(folder, 'client.key') },
    })
    assert.deepEqual([run.exitCode, troubles(run)], [0, ['credentials.key-operation skipped']])
    assert.match(run.finding('tsb.tls').detail, /^TLSv1\.3, verified: the certificate is for IP Address:127\.0\.0\.1, issued by CN=TSB CA, and ends on \d{4}-\d\d-\d\d, in \d+ days\.$/)
    assert.match(run.finding('tsb.client-certificate').detail, /CN=bundler, ends on/)
    assert.equal(run.diagnosis.tsb.tls?.version, 'TLSv1.3')
    assertNothingLeft(surgery, run)
    const page = await readFile(new URL('../../docs/doctor.md', import.meta.url), 'utf8')
    const explained = [...page.matchAll(/^\| `([a-z-]+\.[a-z-]+)` \|/gm)].map(([, id]) => id)
    assert.deepEqual(explained.sort(), run.diagnosis.findings.map(({ id }) => id).sort())
  })

  test('whose certificate ends soon: a warning, and a failure once it has ended', async (t) => {
    const surgery = await openSurgery(t)
    const { url, ca } = await tlsFront(t, surgery)
    const env = { TSB_URL: url, TSB_CA_FILE: ca }
    const { tsb } = (await surgery.run({ env })).diagnosis
    const end = Date.parse(tsb.tls!.notAfter)
    for (const [days, outcome] of [[29, 'warning'], [31, 'passed'], [-1, 'failed']] as const) {
      assert.equal((await surgery.run({ env, now: () => new Date(end - days * 86_400_000 - 1_000) })).finding('tsb.tls').outcome, outcome)
    }
  })

  test('of an unknown CA: which setting names it', async (t) => {
    const surgery = await openSurgery(t)
    const { url } = await tlsFront(t, surgery)
    assertAway(await surgery.run({ env: { TSB_URL: url } }), /TSB_CA_FILE/)
  })

  test('for another host name: which one to use', async (t) => {
    const surgery = await openSurgery(t)
    const { url, ca } = await tlsFront(t, surgery)
    assertAway(await surgery.run({ env: { TSB_URL: url.replace('127.0.0.1', 'localhost'), TSB_CA_FILE: ca } }), /another host name/)
  })

  test('that wants a client certificate, and there is none', async (t) => {
    const surgery = await openSurgery(t)
    const { url, ca } = await tlsFront(t, surgery, { clientCa: (await certificateAuthority('Clients')).pem })
    assertAway(await surgery.run({ env: { TSB_URL: url, TSB_CA_FILE: ca } }), /TSB_CLIENT_CERT_FILE/)
  })
})

/** Asserts that nothing was tried, and what there is to do. */
function assertAway(run: DoctorRun, hint: RegExp): void {
  const { outcome, hint: given } = run.finding('tsb.reachable')
  assert.deepEqual([run.exitCode, run.diagnosis.verdict, outcome], [1, 'fails', 'failed'])
  assert.match(given ?? '', hint)
  assert.deepEqual(run.diagnosis.findings.filter(({ id }) => id.startsWith('bundle.')).map((each) => each.outcome), Array(5).fill('skipped'))
  assert.deepEqual([run.finding('credentials.service').outcome, run.finding('label.free-again').outcome, run.diagnosis.left], ['skipped', 'skipped', undefined])
}

describe('a TSB that is not there', () => {
  test('because nobody listens', async (t) => {
    const { run } = await openSurgery(t)
    assertAway(await run({ env: { TSB_URL: 'http://127.0.0.1:1' } }), /host and port in TSB_URL/)
  })

  test('because its name is not known', async (t) => {
    const { run } = await openSurgery(t)
    assertAway(await run({ env: { TSB_URL: 'https://tsb.invalid' } }), /host name in TSB_URL/)
  })

  test('because the port speaks no TLS', async (t) => {
    const { run, simulator } = await openSurgery(t)
    assertAway(await run({ env: { TSB_URL: simulator.url.replace('http', 'https') } }), /no TLS at this port/)
  })

  test('because it takes the connection and says nothing', async (t) => {
    const { run } = await openSurgery(t)
    const silent = createServer()
    await once(silent.listen(0, '127.0.0.1'), 'listening')
    t.after(() => silent.close())
    const { port } = silent.address() as AddressInfo
    const away = await run({ env: { TSB_URL: `http://127.0.0.1:${port}`, TSB_TIMEOUT_MS: '200' } })
    assertAway(away, /TSB_TIMEOUT_MS/)
    assert.match(away.finding('tsb.reachable').detail, /is there \(127\.0\.0\.1:\d+\), but did not answer/)
  })

  test('because a proxy answers in its place', async (t) => {
    const { run, simulator } = await openSurgery(t)
    const { exitCode, finding } = await run({ env: { TSB_URL: `${simulator.url}/elsewhere` } })
    assert.deepEqual([exitCode, finding('credentials.key-management').outcome, finding('bundle.create-key').detail], [1, 'warning', 'Not tried: no TSB answered.'])
    assert.match(finding('credentials.key-management').hint ?? '', /path in TSB_URL/)
    assert.equal(simulator.requests.some(({ method, path }) => method === 'POST' && path.endsWith('/key')), false)
  })
})
