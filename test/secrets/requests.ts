import { order } from '../support/service.ts'
import type { Driver } from './driver.ts'
import { SECRETS } from './settings.ts'

const { password, listedPassword, otherPassword, callerToken, narrowToken, wrongToken } = SECRETS
const BUNDLES = '/v1/attestation-bundles'

/** What goes well: both forms of a password, both representations, replays, the list, and all that operators see. */
export async function driveSuccess(driver: Driver): Promise<void> {
  const once = { 'idempotency-key': 'drive-once' }
  const made = await driver.post(order('drive-text', { password }, { keyPassword: [...password] }), once)
  if (made.status !== 201) throw new Error(`the drive starts with a bundle, and got ${made.status}: ${made.text}`)
  await driver.post(order('drive-list', { password: [...listedPassword] }), { accept: 'application/json' })
  await driver.post(order('drive-text', { password: [...password] }, { keyPassword: [...password] }), once)
  await driver.post(order('drive-text', { password: otherPassword }), once)
  await driver.post(order('unused', { label: undefined, labelPrefix: 'drive-prefix', password }))
  const location = made.headers.get('location') ?? ''
  for (const accept of ['application/zip', 'application/json', 'text/html']) await driver.ask(location, { headers: { accept } })
  await driver.ask(location, { method: 'HEAD' })
  await driver.ask(`${BUNDLES}?label=drive`)
  for (const path of ['/livez', '/readyz', '/metrics', '/openapi.json', '/docs']) await driver.ask(path)
}

/** What a caller may do wrong, each time with a secret in it. */
export async function driveRefusals(driver: Driver): Promise<void> {
  const text = JSON.stringify(order('refused', { password }))
  const long = password.repeat(8)
  const bodies: unknown[] = [
    text.slice(0, -3), `${text}${text}`, text.replace('"password"', 'password'), text.replace('"password":', '"password":"",\n"password":'), `"${callerToken}"`, [password],
    ...[long, `${password}\u00e9`, [password], [...long], { password }, `${password}\n`].map((value) => order('refused', { password: value })),
    ...[otherPassword, [otherPassword], long, [...otherPassword], { [otherPassword.slice(0, 2)]: otherPassword }].map((value) => order('refused', { password }, { keyPassword: value })),
    order('refused', { passwort: password }), { ...order('refused', { password }), password }, order(password, {}), order('refused', { password, curveOid: password }),
    order('refused', { password }, { signKeyName: password }), order('refused', { password }, { standardCertificateAttributes: { commonName: password } }),
    order('refused', { password, attributes: { extractable: true } }), order('refused', { password, attributes: { destroyable: false } }),
    order('refused', { password, attributes: password }), { ...order('refused', { password }), profile: 'qualified-seal' }, { ...order('refused', { password }), profile: password },
  ]
  for (const body of bodies) await driver.post(body)
  await driver.post(order('refused', { password }), { 'idempotency-key': `two words ${password.replaceAll(/[^!-~]/g, '')}` })
  await driver.post(text, { 'content-type': 'text/plain' })
  await driver.post(text, { 'content-type': `application/json; charset=${callerToken}` })
  await driver.post({ ...order('refused', { password }), padding: password.repeat(4_000) })
  const jwt = [{ alg: 'none', kid: wrongToken }, { sub: wrongToken }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  for (const authorization of [`Bearer ${wrongToken}`, `Bearer ${jwt}.${wrongToken}`, `Basic ${wrongToken}`, wrongToken, `Bearer ${callerToken} ${wrongToken}`]) {
    await driver.post(order('refused', { password }), { authorization })
  }
  await driver.post(order('refused', { password }), { authorization: `Bearer ${narrowToken}` })
  await driver.ask(`${BUNDLES}?label=${encodeURIComponent(password)}`)
  await driver.ask(`${BUNDLES}?token=${callerToken}`)
  await driver.ask(`${BUNDLES}/${callerToken}`)
  await driver.ask(`${BUNDLES}/%zz${callerToken}`)
  await driver.ask(`/${callerToken}`, { method: 'PUT', body: text })
  await driver.ask(BUNDLES, { method: 'DELETE', body: text })
  await driver.ask(`/${callerToken.repeat(300)}`)
}
