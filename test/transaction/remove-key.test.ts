import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { removeKey, type OwedKey, type Removal } from '../../src/transaction/remove-key.ts'
import type { KeyAttributes } from '../../src/tsb/key-attributes.ts'
import type { Tsb } from '../../src/tsb/tsb.ts'

const attributes = {
  sign: true, extractable: false, sensitive: true, copyable: false, modifiable: false, destroyable: true, decrypt: false, unwrap: false, derive: false,
} as const
const SENT_AGO_MS = 10_000
/** Both of the HSM's times are whole seconds. */
const ROUNDING_MS = 2_000
const rsa: OwedKey = {
  key: { label: 'seal' }, body: { label: 'seal', algorithm: 'RSA', keySize: 3072, attributes }, labelIsOurs: false, sentAt: 0, certificate: false,
}
const ec: OwedKey = { ...rsa, body: { label: 'seal', algorithm: 'EC', curveOid: '1.2.840.10045.3.1.7', attributes } }
const ed: OwedKey = { ...rsa, body: { label: 'seal', algorithm: 'ED', curveOid: '1.3.101.112', attributes } }

/** What the TSB says of a key that is just like the one that was asked for. */
function twinOf({ body }: OwedKey): KeyAttributes {
  const made = Date.UTC(2026, 0, 1)
  return { ...body, createTime: new Date(made).toISOString(), attestTime: new Date(made + SENT_AGO_MS + ROUNDING_MS).toISOString(), keyUsageCount: 0 }
}

/** One try at a key of which create-key's answer was lost. */
async function tryWith(owed: OwedKey, found: KeyAttributes): Promise<Removal & { readonly deleted: boolean }> {
  let deleted = false
  const tsb = {
    keyAttributes: async () => (deleted ? undefined : found),
    async deleteKey(_key, leaves) {
      (await leaves())()
      deleted = true
      return 'deleted'
    },
  } satisfies Partial<Tsb>
  const removal = await removeKey(tsb as Partial<Tsb> as Tsb, owed, {
    now: () => SENT_AGO_MS, settleAfterMs: 60_000, absentBefore: false, deleteUnderWay: false, signal: AbortSignal.timeout(5_000),
    deleteLeaves: async () => () => undefined,
  })
  return { ...removal, deleted }
}

describe('a key that answers under the label of a create without an answer', () => {
  for (const [name, owed, change] of [
    ['is just like it', rsa, {}], ['is just like it', ec, {}], ['is just like it', ed, {}],
    ['has never been counted', rsa, { keyUsageCount: undefined }],
    // TSBs differ in what they call the curve of an Ed25519 key.
    ['has no curve', ed, { curveOid: undefined }],
    ['has attributes that were not asked for', ec, { attributes: { ...attributes, encrypt: false } }],
  ] as const) {
    test(`is deleted where it ${name} (${owed.body.algorithm})`, async () => {
      assert.deepEqual(await tryWith(owed, { ...twinOf(owed), ...change }), { state: 'removed', deleted: true })
    })
  }

  for (const [name, owed, change, reason] of [
    ['label in another case', ec, { label: 'SEAL' }, 'its label differs'],
    ['algorithm', ec, { algorithm: 'ED' }, 'its algorithm differs'],
    ['size', rsa, { keySize: 4096 }, 'its size differs'],
    ['unknown size', rsa, { keySize: undefined }, 'its size differs'],
    ['curve', ec, { curveOid: '1.3.132.0.34' }, 'its curve differs'],
    ['unknown curve', ec, { curveOid: undefined }, 'its curve differs'],
    ...Object.entries(attributes).map(([each, value]) =>
      [`attribute ${each}`, ec, { attributes: { ...attributes, [each]: !value } }, `its attribute ${each} differs`] as const),
    ['unknown attributes', ec, { attributes: undefined }, 'its attribute sign differs'],
    ['use', ec, { keyUsageCount: 1 }, 'it has been used'],
    ['age', ec, { attestTime: new Date(Date.UTC(2026, 0, 1) + SENT_AGO_MS + ROUNDING_MS + 1).toISOString() }, 'it is older than this transaction'],
    ['unknown age', ec, { createTime: undefined }, 'it is older than this transaction'],
    ['unreadable age', ec, { attestTime: 'yesterday' }, 'it is older than this transaction'],
  ] as const) {
    test(`is left alone for its ${name}`, async () => {
      const removal = await tryWith(owed, { ...twinOf(owed), ...change })
      assert.deepEqual(removal, { state: 'abandoned', reason: `a key of this label exists, but ${reason}`, deleted: false })
    })
  }
})

describe('a key that answers under a label whose public key is known', () => {
  const known: OwedKey = { ...ec, publicKey: Buffer.from('ours') }
  test('is deleted for that key alone, whatever else the TSB says of it', async () => {
    const found = { ...twinOf(known), publicKey: Buffer.from('ours'), keyUsageCount: 2, attestTime: undefined, attributes: undefined }
    assert.deepEqual(await tryWith(known, found), { state: 'removed', deleted: true })
  })
  for (const [name, publicKey] of [['another one', Buffer.from('theirs')], ['none', undefined]] as const) {
    test(`is left alone where it has ${name}, however like it is`, async () => {
      const { state, deleted } = await tryWith(known, { ...twinOf(known), ...(publicKey && { publicKey }) })
      assert.deepEqual([state, deleted], ['abandoned', false])
    })
  }
})
