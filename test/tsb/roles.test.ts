import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TsbAnswer } from '../../src/tsb/http.ts'
import { rolesOf, type ApiKeys } from '../../src/tsb/roles.ts'
import type { TsbCall } from '../../src/tsb/tsb-error.ts'

const KEYS: ApiKeys = { management: ['m1', 'm2'], operation: ['o1', 'o2'], service: ['s1'] }
const OK: TsbAnswer = { status: 200, body: Buffer.from('{}') }
const refusedWith = (status: number, errorCode?: number): TsbAnswer =>
  ({ status, body: Buffer.from(errorCode === undefined ? '' : JSON.stringify({ errorCode, reason: 'res.error.invalid.api.key' })) })

/** A TSB that accepts some keys and answers everything else alike; remembers what it was sent. */
function tsb(accepted: readonly (string | undefined)[], refusal: TsbAnswer = refusedWith(401, 631)) {
  const seen: (string | undefined)[] = []
  return { seen, accepted: new Set(accepted), sendWith: async function (this: void,
    key: string | undefined) { seen.push(key); return accepted.includes(key) ? OK : refusal } }
}

describe('which role serves which call', () => {
  const table: readonly [TsbCall, string][] = [
    ['create-key', 'm1'], ['key-attributes', 'm1'], ['key-attestation', 'm1'], ['delete-key', 'm1'], ['version-info', 's1'],
      ['certificate-request', 'm1'], ['delete-certificate', 'm1'],
  ]
  for (const [call, key] of table) {
    test(`${call} is sent with ${key}`, async () => {
      const { seen, sendWith } = tsb([key])
      assert.equal(await rolesOf(KEYS, 'auto').send(call, sendWith), OK)
      assert.deepEqual(seen, [key])
    })
  }
  test('without keys no key is sent', async () => {
    const { seen, sendWith } = tsb([undefined])
    await rolesOf({ management: [], operation: [], service: [] }, 'auto').send('create-key', sendWith)
    assert.deepEqual(seen, [undefined])
  })
})

describe('rollover', () => {
  test('on 401 with 631 the next key makes the same call, and stays in use', async () => {
    const { seen, sendWith } = tsb(['m2'])
    const roles = rolesOf(KEYS, 'auto')
    for (const call of ['create-key', 'delete-key'] as const) assert.equal(await roles.send(call, sendWith), OK)
    assert.deepEqual(seen, ['m1', 'm2', 'm2'])
  })
  test('behind the last key comes the first', async () => {
    const roles = rolesOf(KEYS, 'auto')
    await roles.send('create-key', tsb(['m2']).sendWith)
    const { seen, sendWith } = tsb(['m1'])
    assert.equal(await roles.send('create-key', sendWith), OK)
    assert.deepEqual(seen, ['m2', 'm1'])
  })
  test('when all are refused, each was tried once and the last refusal is the answer', async () => {
    const { seen, sendWith } = tsb([])
    assert.equal((await rolesOf(KEYS, 'management').send('create-key', sendWith)).status, 401)
    assert.deepEqual(seen, ['m1', 'm2'])
  })
  for (const [name, refusal] of [['a bare 401', refusedWith(401)], ['401 with 416', refusedWith(401, 416)],
    ['403 with 631', refusedWith(403, 631)], ['500 with 631', refusedWith(500, 631)]] as const) {
    test(`${name} does not roll over`, async () => {
      const { seen, sendWith } = tsb([], refusal)
      assert.equal(await rolesOf(KEYS, 'auto').send('create-key', sendWith), refusal)
      assert.deepEqual(seen, ['m1'])
    })
  }
  test('a network error is thrown at once', async () => {
    await assert.rejects(rolesOf(KEYS, 'auto').send('create-key', () => Promise.reject(new Error('reset'))), { message: 'reset' })
  })
})

describe('the role of certificate calls', () => {
  for (const refusal of [refusedWith(401, 631), refusedWith(401), refusedWith(403, 400)]) {
    test(`auto tries key operation after ${refusal.status} ${refusal.body.toString().slice(0, 16)} and remembers`, async () => {
      const { seen, sendWith } = tsb(['o1'], refusal)
      const roles = rolesOf({ ...KEYS, management: ['m1'] }, 'auto')
      assert.equal(await roles.send('certificate-request', sendWith), OK)
      assert.equal(await roles.send('delete-certificate', sendWith), OK)
      assert.deepEqual(seen, ['m1', 'o1', 'o1'])
    })
  }
  test('auto learns again where the role that worked is refused later, as after a TSB update', async () => {
    const roles = rolesOf(KEYS, 'auto')
    await roles.send('certificate-request', tsb(['m1']).sendWith)
    const moved = tsb(['o1'], refusedWith(403))
    assert.equal((await roles.send('certificate-request', moved.sendWith)).status, 200)
    assert.deepEqual(moved.seen, ['m1', 'o1'])
    const after = tsb(['o1'], refusedWith(403))
    await roles.send('certificate-request', after.sendWith)
    assert.deepEqual(after.seen, ['o1'])
  })
  test("auto learns nothing from a gateway's 503", async () => {
    const roles = rolesOf(KEYS, 'auto')
    await roles.send('certificate-request', async () => ({ status: 503, body: Buffer.alloc(0) }))
    const { seen, sendWith } = tsb(['o1'], refusedWith(403))
    assert.equal((await roles.send('certificate-request', sendWith)).status, 200)
    assert.deepEqual(seen, ['m1', 'o1'])
  })
  test('auto learns nothing where both roles are refused', async () => {
    const roles = rolesOf(KEYS, 'auto')
    const first = tsb([])
    assert.equal((await roles.send('certificate-request', first.sendWith)).status, 401)
    assert.deepEqual(first.seen, ['m1', 'm2', 'o1', 'o2'])
    const second = tsb(['m1'])
    assert.equal(await roles.send('certificate-request', second.sendWith), OK)
    assert.deepEqual(second.seen, ['m1'])
  })
  test('another failure than of credentials is no reason to change the role', async () => {
    const { seen, sendWith } = tsb([], refusedWith(500, 701))
    await rolesOf(KEYS, 'auto').send('certificate-request', sendWith)
    assert.deepEqual(seen, ['m1'])
  })
  test('auto without operation keys stays with management', async () => {
    const { seen, sendWith } = tsb([], refusedWith(403))
    await rolesOf({ ...KEYS, operation: [] }, 'auto').send('certificate-request', sendWith)
    assert.deepEqual(seen, ['m1'])
  })
  for (const [role, expected] of [['management', ['m1', 'm2']], ['operation', ['o1', 'o2']]] as const) {
    test(`the operator's ${role} is kept to`, async () => {
      const { seen, sendWith } = tsb([])
      await rolesOf(KEYS, role).send('certificate-request', sendWith)
      assert.deepEqual(seen, expected)
    })
  }
})
