import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { CheckResult } from '../../src/evidence/evidence.ts'
import { createCsr, csrPem } from '../../src/simulator/csr.ts'
import { pointersOf, problemIn } from '../support/problem.ts'
import { startService, type Service } from '../support/service.ts'
import { bodyOf, ROWS } from './rows.ts'

let service: Service
before(async () => { service = await startService() })
after(() => service.stop())
beforeEach(() => {
  service.simulator.requests.length = 0
  for (const name of Object.keys(service.simulator.alter) as (keyof typeof service.simulator.alter)[]) delete service.simulator.alter[name]
})

const SUBJECT = '/csr/standardCertificateAttributes'
const seal = (label: string, ...changes: Record<string, unknown>[]) =>
  bodyOf(label, ROWS['qualified-seal']!.good, { '/profile': 'qualified-seal' }, ...changes)
const idsWith = (outcome: string, checks: readonly CheckResult[]): string[] =>
  checks.filter((check) => check.outcome === outcome).map(({ id }) => id)

describe('before anything is sent', () => {
  for (const [profile, { good, errors }] of Object.entries(ROWS)) {
    for (const [i, { rule, change, pointer }] of errors.entries()) {
      test(`${profile} refuses a request that breaks ${rule}, at ${pointer}`, async () => {
        const answer = await service.post(bodyOf(`refused-${i}`, good, change, { '/profile': profile }))
        const problem = await problemIn(answer, 'profile-violated')
        assert.deepEqual(pointersOf(problem), [pointer])
        assert.equal(problem.transaction, undefined)
        assert.deepEqual(service.simulator.requests, [])
        const told = problem.errors![0]!.detail.replace(/did you mean [^?]*\?/, '')
        for (const value of Object.values(change).filter((each): each is string => typeof each === 'string' && each.length > 3)) {
          assert.ok(!told.includes(value) && !problem.title.includes(value), `repeats ${value}`)
        }
      })
    }
  }

  test('a refused request leaves no transaction, no log of one and no Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'refused-then-right' }
    await problemIn(await service.post(seal('no-trace', { '/csr/keyUsage': undefined }), headers), 'profile-violated')
    const list = await (await service.get('/v1/attestation-bundles?label=no-trace')).json() as { transactions: unknown[] }
    assert.deepEqual(list.transactions, [])
    assert.equal(service.log.some((line) => JSON.stringify(line).includes('no-trace')), false)
    const right = await service.post(seal('no-trace'), headers)
    assert.deepEqual([right.status, right.headers.get('idempotency-replayed')], [201, null])
  })

  test('all broken rules are told at once, each with what is expected and who asks it', async () => {
    const several = { '/csr/keyUsage': undefined, [`${SUBJECT}/organizationIdentifier`]: 'CHE-464.234.583 MWST' }
    const problem = await problemIn(await service.post(seal('several', several)), 'profile-violated')
    assert.deepEqual(pointersOf(problem), [`${SUBJECT}/organizationIdentifier`, '/csr/keyUsage'])
    assert.match(problem.errors![0]!.detail, /did you mean `VATCH-CHE-464\.234\.583`\?.*ETSI EN 319 412-1/)
    assert.match(problem.errors![1]!.detail, /^must be exactly CONTENT_COMMITMENT or DIGITAL_SIGNATURE with CONTENT_COMMITMENT: /)
    assert.match(problem.errors![1]!.detail, /\(ETSI EN 319 412-3 LEG-4\.3\.1-3\)$/)
    assert.equal(problem.detail, '2 places of the request break rules of the profile qualified-seal')
  })

  test('an Idempotency-Key of a bundle that was issued is answered before the profile is asked', async () => {
    const headers = { 'idempotency-key': 'issued-before' }
    assert.equal((await service.post(seal('issued-before'), headers)).status, 201)
    await problemIn(await service.post(seal('issued-before', { '/csr/keyUsage': undefined }), headers), 'idempotency-key-reused')
    assert.equal((await service.post(seal('issued-before'), headers)).headers.get('idempotency-replayed'), 'true')
  })

  test('DEFAULT_PROFILE is the profile of a request that names none', async (t) => {
    const strict = await startService({ env: { DEFAULT_PROFILE: 'qualified-seal' } })
    t.after(() => strict.stop())
    const problem = await problemIn(await strict.post(bodyOf('by-default')), 'profile-violated')
    assert.deepEqual(pointersOf(problem), [`${SUBJECT}/organizationIdentifier`, '/csr/keyUsage'])
    assert.deepEqual(strict.simulator.requests, [])
    assert.equal((await strict.post(bodyOf('by-name', { '/profile': 'tsb-default' }))).status, 201)
  })
})

describe('on what came back', () => {
  const subject = {
    commonName: 'Example Seal', country: 'CH', organizationName: 'Example AG', organizationIdentifier: 'NTRCH-CHE-464.234.583',
  }
  const keyUsage = ['CONTENT_COMMITMENT'] as const

  /** Asserts that the evidence is refused, this profile check among the failed ones, and no key is left. */
  async function refuses(label: string, id: string): Promise<void> {
    const problem = await problemIn(await service.post(seal(label)), 'evidence-rejected')
    const { checks } = (problem as unknown as { verification: { checks: CheckResult[] } }).verification
    assert.deepEqual(idsWith('failed', checks).filter((each) => each.startsWith('profile.')), [id])
    assert.equal(problem.transaction?.rollback, 'done')
    assert.equal(service.simulator.labels().includes(label), false)
  }

  test('the request keeps the rules when nothing is altered', async () => {
    const answer = await service.post(seal('unaltered'), { accept: 'application/json' })
    const { verification: { checks } } = await answer.json() as { verification: { checks: CheckResult[] } }
    const ofProfile = checks.filter(({ id }) => id.startsWith('profile.'))
    assert.ok(ofProfile.length >= 10)
    assert.deepEqual(idsWith('passed', ofProfile), ofProfile.map(({ id }) => id))
  })
  test('an attribute that the profile forbids', async () => {
    service.simulator.alter.csr = (_pem, key) => csrPem(createCsr({ ...key, subject: { ...subject, surname: 'Muster' }, keyUsage }))
    await refuses('came-back-surname', 'profile.subject-forbidden')
  })
  test('an organizationIdentifier that is gone, as with a TSB before 2.1.0', async () => {
    const { organizationIdentifier: _gone, ...rest } = subject
    service.simulator.alter.csr = (_pem, key) => csrPem(createCsr({ ...key, subject: rest, keyUsage }))
    await refuses('came-back-without', 'profile.subject-required')
  })
  test('a key usage that the profile does not allow', async () => {
    service.simulator.alter.csr = (_pem, key) => csrPem(createCsr({ ...key, subject, keyUsage: ['CONTENT_COMMITMENT', 'CRL_SIGN'] }))
    await refuses('came-back-usage', 'profile.key-usage')
  })
  test('an extended key usage that nobody ordered', async () => {
    service.simulator.alter.csr = (_pem, key) => csrPem(createCsr({ ...key, subject, keyUsage, extendedKeyUsage: ['CLIENT_AUTH'] }))
    await refuses('came-back-extended', 'profile.extended-key-usage')
  })
  test('a key that also decrypts, by its attestation', async () => {
    service.simulator.alter.attestationXml = (xml) => xml.replace('<decrypt>false', '<decrypt>true')
    await refuses('came-back-decrypt', 'profile.key-attribute')
  })
  test('a warning stands in the answer, with the form that was meant', async () => {
    const body = bodyOf('vendor-sample', { [`${SUBJECT}/organizationIdentifier`]: 'CHE-464.234.583 MWST' })
    const answer = await service.post(body, { accept: 'application/json' })
    assert.equal(answer.status, 201)
    const { verification: { checks } } = await answer.json() as { verification: { checks: CheckResult[] } }
    assert.deepEqual(idsWith('warning', checks), ['profile.organization-identifier'])
    assert.match(checks.find(({ id }) => id === 'profile.organization-identifier')!.detail, /did you mean `VATCH-CHE-464\.234\.583`\?/)
  })
})
