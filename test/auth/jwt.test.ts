import assert from 'node:assert/strict'
import { createHmac, KeyObject, sign } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { exportJWK, exportSPKI } from 'jose'
import { startService, type Service } from '../support/service.ts'
import { ask, assertRefused, bearer, issue, list, temporaryFiles, testClock } from './callers.ts'
import { assembled, AUDIENCE, issuerKeys, seconds, startIssuer, token, type Issuer, type IssuerKeys } from './issuer.ts'

const files = temporaryFiles()
const clock = testClock()
const clients = files.writeJson('clients.json', [
  { id: 'billing', subject: 'svc-billing', labels: ['billing-*'] }, { id: 'shop', subject: 'svc-shop', labels: ['shop-*'] },
])
const keys: Record<string, IssuerKeys> = {}
let issuer: Issuer
let attacker: Issuer
let stranger: IssuerKeys
let service: Service

const envOf = (jwksUrl: string): Record<string, string> => ({
  AUTH_MODE: 'jwt', AUTH_CLIENTS_FILE: clients, AUTH_JWKS_URL: jwksUrl, AUTH_ISSUER: issuer.url, AUTH_AUDIENCE: AUDIENCE,
  TRUST_PROXY: 'loopback',
})
const good = (claims = {}, header = {}, algorithm = 'ES256'): Promise<string> => token(keys[algorithm]!, issuer.url, claims, header)

before(async () => {
  const algorithms = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'RS512']
  await Promise.all(algorithms.map(async (algorithm) => { keys[algorithm] = await issuerKeys(`key-${algorithm}`, algorithm) }))
  stranger = await issuerKeys('key-ES256')
  issuer = await startIssuer(Object.values(keys).map(({ jwk }) => jwk))
  attacker = await startIssuer([stranger.jwk])
  service = await startService({ env: envOf(issuer.jwksUrl), now: clock.now })
})
after(async () => {
  await service.stop()
  await issuer.close()
  await attacker.close()
})

const refused = (jwt: string, by: Service = service): Promise<unknown> =>
  assertRefused(by, { headers: bearer(jwt) }, 'Bearer realm="attestation-bundler"')
const status = async (jwt: string, by: Service = service): Promise<number> =>
  (await list(by, 'x', { headers: { ...bearer(jwt), 'x-forwarded-for': '198.51.100.1' } })).status
/** The key of the JWKS as the bytes that an attacker has too. */
const publicText = (): Promise<string> => exportSPKI(keys['RS256']!.publicKey)

describe('a JWT', () => {
  test('makes a bundle for the client that its subject names', async () => {
    assert.equal((await issue(service, 'billing-1', { headers: bearer(await good()) })).status, 201)
    assert.equal((await service.logged((line) => line['label'] === 'billing-1' && line['outcome'] === 'completed'))['caller'], 'billing')
  })
  for (const algorithm of ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA']) {
    test(`signed with ${algorithm} is taken`, async () => assert.equal(await status(await good({}, {}, algorithm)), 200))
  }
  for (const typ of [undefined, 'JWT', 'jwt', 'at+jwt', 'application/at+jwt', 'AT+JWT']) {
    test(`with typ ${typ} is taken`, async () => assert.equal(await status(await good({}, { typ })), 200))
  }
  test('for several audiences is taken where this one is among them', async () => {
    assert.equal(await status(await good({ aud: ['https://other.example', AUDIENCE] })), 200)
  })
  test('is taken a few seconds around its time, and no longer', async () => {
    const now = seconds(clock.now())
    assert.equal(await status(await good({ exp: now - 2 })), 200)
    assert.equal(await status(await good({ nbf: now + 3 })), 200)
    assert.equal(await refused(await good({ exp: now - 8 })), 'expired')
    assert.equal(await refused(await good({ nbf: now + 10 })), 'invalid')
  })
})

describe('a JWT is refused like any other wrong credential', () => {
  const claims: readonly (readonly [string, object, string])[] = [
    ['expired an hour ago', { exp: seconds(new Date()) - 3_600 }, 'expired'],
    ['without an end', { exp: undefined }, 'invalid'],
    ['with an end that is no number', { exp: '2099-01-01' }, 'invalid'],
    ['that is not yet valid', { nbf: seconds(new Date()) + 3_600 }, 'invalid'],
    ['of another issuer', { iss: 'https://other.example' }, 'invalid'],
    ['of no issuer', { iss: undefined }, 'invalid'],
    ['for another audience', { aud: 'https://other.example' }, 'invalid'],
    ['for no audience', { aud: undefined }, 'invalid'],
    ['for an audience that only begins like ours', { aud: `${AUDIENCE}.evil.example` }, 'invalid'],
    ['of no subject', { sub: undefined }, 'invalid'],
    ['of a subject that is no client', { sub: 'svc-unknown' }, 'unknown-client'],
    ['of a subject in another case', { sub: 'SVC-billing' }, 'unknown-client'],
    ['of the name of a client', { sub: 'billing' }, 'unknown-client'],
    ['bound to a key that nobody proves to have', { cnf: { jkt: 'x' } }, 'invalid'],
  ]
  for (const [name, changes, reason] of claims) test(name, async () => assert.equal(await refused(await good(changes)), reason))

  const headers: readonly (readonly [string, object])[] = [
    ['of the type of a logout token', { typ: 'logout+jwt' }], ['of the type of a security event', { typ: 'secevent+jwt' }],
    ['of the type of a DPoP proof', { typ: 'dpop+jwt' }], ['with a kid that nobody has', { kid: 'nobody' }],
  ]
  for (const [name, changes] of headers) test(name, async () => assert.equal(await refused(await good({}, changes)), 'invalid'))
  test('with a critical extension that nobody knows', async () => assert.equal(await refused(signed({ crit: ['x'], x: 1 })), 'invalid'))

  test('without a signature, in every spelling of none', async () => {
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '', undefined]) {
      for (const signature of ['', 'AA']) {
        assert.match(String(await refused(assembled({ alg, kid: 'key-RS256', typ: 'JWT' }, payload(), signature))), /^(invalid|malformed)$/)
      }
    }
  })
  test('signed by HMAC with the public key as the secret', async () => {
    const jwk = JSON.stringify(await exportJWK(keys['RS256']!.publicKey))
    for (const secret of [await publicText(), (await publicText()).trimEnd(), jwk]) {
      for (const alg of ['HS256', 'RS256']) {
        const unsigned = assembled({ alg, kid: 'key-RS256', typ: 'JWT' }, payload()).slice(0, -1)
        const signature = createHmac('sha256', secret).update(unsigned).digest('base64url')
        assert.equal(await refused(`${unsigned}.${signature}`), 'invalid')
      }
    }
  })
  test('signed with an algorithm that is not on the list, though the issuer has the key', async () => {
    assert.equal(await refused(await good({}, {}, 'RS512')), 'invalid')
  })
  test('signed by another key of the same kid', async () => assert.equal(await refused(await token(stranger, issuer.url)), 'invalid'))
  test('with the attacker\'s key, or where to get it, in its header: nobody asks there', async () => {
    const { jwk } = stranger
    const { jwksUrl: jku, url: x5u } = attacker
    for (const header of [{ jwk }, { jku }, { x5u }, { jku, x5u, jwk }, { kid: jku }]) {
      assert.equal(await refused(await token(stranger, issuer.url, {}, header)), 'invalid')
    }
    assert.deepEqual(attacker.requests, [])
  })
  test('without a kid where several keys could have signed it', async () => {
    const two = await startIssuer([keys['ES256']!.jwk, { ...stranger.jwk, kid: 'another' }])
    const other = await startService({ env: envOf(two.jwksUrl) })
    assert.equal(await refused(await good({}, { kid: undefined }), other), 'invalid')
    await other.stop()
    await two.close()
  })
  test('with another payload under the same signature', async () => {
    const [header, , signature] = (await good()).split('.')
    const forged = Buffer.from(JSON.stringify({ ...payload(), sub: 'svc-shop' })).toString('base64url')
    assert.equal(await refused([header, forged, signature].join('.')), 'invalid')
  })
  test('that is none, or half of one', async () => {
    const whole = await good()
    const [header, body] = whole.split('.')
    const half = `${header}.${body}`
    for (const text of ['x', '..', 'a.b.c', '....', whole.slice(0, -4), `${whole}.`, whole.replace('.', '..'), half, `${whole}x`]) {
      assert.match(String(await refused(text)), /^(invalid|malformed)$/, text)
    }
  })
  test('that is huge: not even decoded, and past 16 KiB the parser says so', async () => {
    assert.equal(await refused(await good({ pad: 'x'.repeat(9_000) })), 'malformed')
    assert.equal(await status(await good({ pad: 'x'.repeat(20_000) })), 431)
  })
  test('and the token never shows in the log', async () => {
    const jwt = await good({ sub: 'svc-unknown' })
    await refused(jwt)
    const [header = '', body = '', signature = ''] = jwt.split('.')
    const log = JSON.stringify(service.log)
    assert.deepEqual([header, body, signature].map((part) => log.includes(part)), [false, false, false])
    assert.ok(service.log.some((line) => line['detail'] === 'sub "svc-unknown"'))
  })
})

describe('the keys of the issuer', () => {
  test('are fetched once for many tokens', async () => {
    const before = issuer.requests.length
    await Promise.all(Array.from({ length: 10 }, async () => status(await good())))
    assert.equal(issuer.requests.length, before)
  })
  test('that are unknown are asked for once in a while, not with each token that names one', async () => {
    const before = issuer.requests.length
    for (let i = 0; i < 5; i++) await refused(await good({}, { kid: `new-${i}` }))
    assert.equal(issuer.requests.length, before)
  })
  for (const [name, broken, says] of [
    ['fails', { status: 500, body: '' }, /200/], ['redirects', { status: 302, body: '' }, /200/],
    ['answers no JSON', { status: 200, body: 'planted' }, /JSON/], ['answers no JWKS', { status: 200, body: '{}' }, /JSON Web Key Set/],
    ['answers without end', { status: 200, body: ' '.repeat(65_536), again: true }, /more than 262144 bytes/],
  ] as const) {
    test(`cannot be had where the server ${name}: 503 for what may be good, 401 for what cannot be`, async () => {
      const down = await startIssuer([keys['ES256']!.jwk])
      down.broken = broken
      const other = await startService({ env: envOf(down.jwksUrl) })
      assert.match(String((await other.logged((line) => String(line['msg']).startsWith('AUTH_JWKS_URL: ')))['level']), /^40$/)
      const answer = await ask(`${other.url}/v1/attestation-bundles?label=x`, { headers: bearer(await good()) })
      const { code } = JSON.parse(answer.body.toString()) as { code: string }
      const { 'retry-after': retryAfter, 'www-authenticate': challenge } = answer.headers
      assert.deepEqual([answer.status, code, retryAfter, challenge], [503, 'authentication-unavailable', '10', undefined])
      const detail = String((await other.logged((line) => line['reason'] === 'keys-unavailable'))['detail'])
      assert.match(detail, /^AUTH_JWKS_URL: /)
      assert.match(detail, says)
      assert.equal(await refused(assembled({ alg: 'none' }, payload()), other), 'invalid')
      down.broken = undefined
      assert.equal(await status(await good(), other), 200)
      await other.stop()
      await down.close()
    })
  }
})

const payload = (): object => ({ iss: issuer.url, aud: AUDIENCE, sub: 'svc-billing', exp: seconds(new Date()) + 300 })

/** With the issuer's own key, but a header that the library would not write. */
function signed(header: object): string {
  const unsigned = assembled({ alg: 'ES256', kid: 'key-ES256', ...header }, payload()).slice(0, -1)
  const key = KeyObject.from(keys['ES256']!.privateKey)
  return `${unsigned}.${sign('sha256', Buffer.from(unsigned), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}
