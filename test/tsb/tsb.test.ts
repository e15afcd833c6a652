import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { CreateKeyBody } from '../../src/tsb/create-key.ts'
import { openTsb, type Tsb, type TsbSettings } from '../../src/tsb/tsb.ts'
import type { TsbCallEnd, TsbObserver } from '../../src/tsb/observer.ts'
import { startSimulator, type Simulator, type SimulatorOptions } from '../../src/simulator/simulator.ts'
import { sharedPki } from '../support/service.ts'

const bodyOf = (label: string): CreateKeyBody => ({
  label, algorithm: 'EC', curveOid: '1.2.840.10045.3.1.7',
  attributes: { sign: true, extractable: false, sensitive: true, copyable: false, modifiable: false, destroyable: true, decrypt: false,
    unwrap: false, derive: false },
})
const refused = (code: string, effect: string) => (error: unknown): boolean => {
  const { code: said, effect: left } = error as { code: string; effect: string }
  assert.deepEqual([said, left], [code, effect])
  return true
}

let simulator: Simulator
let tsb: Tsb
const records: (TsbCallEnd & { readonly call: string })[] = []
const observer: TsbObserver = {
  leaves: ({ call }) => ({ headers: {}, ended: (end) => { records.push({ call, ...end }) } }),
  attested: () => {},
}
const settings = (url: string, more: Partial<TsbSettings> = {}): TsbSettings => ({
  url, apiKeys: { management: [], operation: [], service: [] }, certificateRole: 'auto', tls: {}, connectTimeoutMs: 5_000,
    createKeyTimeoutMs: 5_000, timeoutMs: 5_000, ...more,
})
before(async () => {
  simulator = await startSimulator({ pki: await sharedPki() })
  tsb = openTsb(settings(simulator.url), 2, observer)
})
after(async () => { await tsb.close(); await simulator.close() })
beforeEach(() => { simulator.requests.length = 0; records.length = 0; simulator.faults.clear() })

describe('looking a key up', () => {
  test('404 with 650 is the word for absence', async () => assert.equal(await tsb.keyAttributes({ label: 'absent' }), undefined))
  test('a bare 404 means nothing', async () => {
    simulator.faults.set('key-attributes', { kind: 'not-found-bare' })
    await assert.rejects(tsb.keyAttributes({ label: 'absent' }), refused('tsb-error', 'unknown'))
  })
  test('650 under another status means nothing', async () => {
    simulator.faults.set('key-attributes', { kind: 'status', status: 500, body: { errorCode: 650 } })
    await assert.rejects(tsb.keyAttributes({ label: 'absent' }), refused('tsb-error', 'unknown'))
  })
  test('is repeated on a reset, and every request is told to the observer', async () => {
    await simulator.addKey({ label: 'looked-up' })
    simulator.faults.set('key-attributes', { kind: 'reset-before' })
    assert.equal((await tsb.keyAttributes({ label: 'looked-up' }))?.label, 'looked-up')
    assert.deepEqual(records.map(({ call, outcome, status }) => [call, outcome, status]),
      [['key-attributes', 'tsb-unavailable', undefined], ['key-attributes', 'answered', 200]])
  })
})

describe('deleting a key', () => {
  const leaves = async () => () => undefined
  test('deletes, and a second time says absent', async () => {
    await simulator.addKey({ label: 'to-delete', password: 'ab' })
    const key = { label: 'to-delete', password: ['a', 'b'] }
    assert.deepEqual([await tsb.deleteKey(key, leaves), await tsb.deleteKey(key, leaves)], ['deleted', 'absent'])
    assert.equal(simulator.labels().includes('to-delete'), false)
  })
  test('asks before each request whether it may leave, and sends none where it may not', async () => {
    await simulator.addKey({ label: 'kept' })
    simulator.faults.set('delete-key', { kind: 'reset-before' })
    const refusal = new Error('not ours any more')
    let asked = 0
    await assert.rejects(tsb.deleteKey({ label: 'kept' }, async () => { if (++asked === 2) throw refusal; return () => undefined }), refusal)
    assert.ok(simulator.labels().includes('kept'))
  })
  test('asks once more when a connection stands, for each request, and sends none where it may not', async () => {
    await simulator.addKey({ label: 'kept-too' })
    simulator.faults.set('delete-key', { kind: 'reset-before' })
    const refusal = new Error('not ours any more')
    let asked = 0
    await assert.rejects(tsb.deleteKey({ label: 'kept-too' }, async () => () => { if (++asked === 2) throw refusal }), refusal)
    assert.ok(simulator.labels().includes('kept-too'))
  })
  test('with another password is refused', async () => {
    await simulator.addKey({ label: 'guarded', password: 'ab' })
    await assert.rejects(tsb.deleteKey({ label: 'guarded', password: ['x'] }, leaves), refused('tsb-error', 'unknown'))
    assert.ok(simulator.labels().includes('guarded'))
  })
})

describe('create-key', () => {
  for (const [name, fault] of [['a reset', { kind: 'reset-before' }], ['503', { kind: 'unavailable' }],
    ['a passing fault', { kind: 'status', status: 500, body: { errorCode: 700 } }]] as const) {
    test(`is not repeated after ${name}`, async () => {
      simulator.faults.set('create-key', fault)
      await assert.rejects(tsb.createKey(bodyOf(`never-${fault.kind}`), () => undefined))
      assert.equal(simulator.requests.length, 1)
    })
  }
  test('gives the public key that the HSM has', async () => {
    const created = await tsb.createKey(bodyOf('created'), () => undefined)
    assert.ok(created.publicKey.equals(simulator.publicKey('created').export({ type: 'spki', format: 'der' })))
  })
  test('under a taken label has no effect', async () => {
    await simulator.addKey({ label: 'there-before' })
    await assert.rejects(tsb.createKey(bodyOf('there-before'), () => undefined), refused('key-label-taken', 'none'))
  })
})

describe('credentials', () => {
  async function withTsb(simulated: SimulatorOptions, more: Partial<TsbSettings>,
    use: (tsb: Tsb, simulator: Simulator) => Promise<void>): Promise<void> {
    const guarded = await startSimulator({ pki: await sharedPki(), ...simulated })
    const opened = openTsb(settings(guarded.url, more), 2)
    try { await use(opened, guarded) } finally { await opened.close(); await guarded.close() }
  }
  const apiKeys = { keyManagement: ['m-new'], keyOperation: ['o-new'], service: ['s-new'] }

  test('token and API keys go with every call; keys roll over, for create-key too; the certificate role is found', async () => {
    const mine = { bearerToken: 'token', apiKeys: { management: ['m-old', 'm-new'], operation: ['o-old', 'o-new'], service: ['s-new'] } }
    await withTsb({ apiKeys, bearerToken: 'token', certificateRole: 'operation' }, mine, async (opened, guarded) => {
      assert.equal((await opened.versionInfo()).text, '2.5.1')
      await opened.createKey(bodyOf('rolled'), () => undefined)
      const csr = await opened.requestCertificate({ signKeyName: 'rolled', signatureAlgorithm: 'SHA256_WITH_ECDSA', validity: 1,
        standardCertificateAttributes: { commonName: 'x' } })
      assert.match(csr, /^-----BEGIN NEW CERTIFICATE REQUEST-----\n/)
      await opened.deleteCertificate('rolled')
      assert.deepEqual(guarded.requests.map(({ call, headers }) => [call, headers['x-api-key']]), [
        ['version-info', 's-new'], ['create-key', 'm-old'], ['create-key', 'm-new'],
        // Management's other key is tried before the other role: a 631 may mean either.
        ['certificate-request', 'm-new'], ['certificate-request', 'm-old'], ['certificate-request', 'o-old'], ['certificate-request', 'o-new'],
        ['delete-certificate', 'o-new'],
      ])
      assert.ok(guarded.requests.every(({ headers }) => headers.authorization === 'Bearer token'))
      assert.deepEqual([guarded.labels(), guarded.certificates()], [['rolled'], []])
    })
  })
  test('a message that echoes an API key or the token is left out', async () => {
    await withTsb({}, { bearerToken: 'planted-token', apiKeys: { management: ['planted-key'], operation: [], service: [] } },
      async (opened, guarded) => {
      for (const secret of ['planted-token', 'planted-key']) {
        guarded.faults.set('create-key', { kind: 'status', status: 500, body: { errorCode: 701, message: `rejected ${secret}` } })
        await assert.rejects(opened.createKey(bodyOf('echo'), () => undefined),
          (error) => !JSON.stringify(error).includes('planted') && !String((error as Error).message).includes('planted'))
      }
    })
  })
})

describe('CSR and export', () => {
  test('both are repeated on a passing fault', async () => {
    await simulator.addKey({ label: 'repeated' })
    simulator.faults.set('certificate-request', { kind: 'unavailable' })
    simulator.faults.set('key-attestation', { kind: 'status', status: 500, body: { errorCode: 103 } })
    const [, bytes] = await Promise.all([
      tsb.requestCertificate({ signKeyName: 'repeated', signatureAlgorithm: 'SHA256_WITH_ECDSA', validity: 1,
        standardCertificateAttributes: { commonName: 'x' } }),
      tsb.exportKeyAttestation({ label: 'repeated' }),
    ])
    assert.equal(Buffer.from(bytes).subarray(0, 2).toString(), 'PK')
    assert.deepEqual(simulator.requests.map(({ call }) => call).sort(),
      ['certificate-request', 'certificate-request', 'key-attestation', 'key-attestation'])
  })
})
