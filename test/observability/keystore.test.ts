import assert from 'node:assert/strict'
import { setImmediate as settled } from 'node:timers/promises'
import { describe, test } from 'node:test'
import { cachedStatistics } from '../../src/observability/keystore.ts'
import { readKeystoreStatisticsAnswer, type KeystoreStatistics } from '../../src/tsb/keystore-statistics.ts'
import { TsbError } from '../../src/tsb/tsb-error.ts'

const MINUTE = 60_000
const FULL: KeystoreStatistics = { objects: { 'private-keys': 1 }, usedBytes: 4868, sizeBytes: 1_048_576 }
const answer = (value: unknown) => ({ status: 200, body: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)) })

describe("the TSB's text", () => {
  test("is read as the vendor's documentation has it", () => {
    const text = 'user SECUROSYS, private keys 1, public keys 2, secret keys 0, certificates 3, data objects 4, invalidated keys 5, used size 4868 bytes, max size 1048576 bytes'
    assert.deepEqual(readKeystoreStatisticsAnswer(answer({ keyStoreStatistics: text })), {
      objects: { 'private-keys': 1, 'public-keys': 2, 'secret-keys': 0, certificates: 3, 'data-objects': 4, 'invalidated-keys': 5 }, usedBytes: 4868, sizeBytes: 1_048_576,
    })
  })
  test('may leave out what it likes, and say what nobody knows', () => {
    assert.deepEqual(readKeystoreStatisticsAnswer(answer({ keyStoreStatistics: 'user X, invalidated keys 7, unicorns 3, used size many bytes' })), { objects: { 'invalidated-keys': 7 } })
  })
  for (const value of ['<html>', {}, { keyStoreStatistics: 5 }, { keyStoreStatistics: 'user X' }, { keyStoreStatistics: 'private keys -1' }]) {
    test(`is none in ${JSON.stringify(value)}`, () => {
      assert.throws(() => readKeystoreStatisticsAnswer(answer(value)), (error: TsbError) => error.code === 'tsb-invalid-response')
    })
  }
})

/** A cache in front of answers that the test gives, and a clock that it moves. */
function bench() {
  let at = 0
  const asked: PromiseWithResolvers<KeystoreStatistics>[] = []
  const reasons: string[] = []
  const read = cachedStatistics(() => {
    asked.push(Promise.withResolvers())
    return asked.at(-1)!.promise
  }, (reason) => reasons.push(reason), () => at)
  return { asked, reasons, read, pass: (ms: number) => { at += ms } }
}

describe('the cache', () => {
  test('never waits for the HSM, asks once at a time, and once a minute however often it is read', async () => {
    const { asked, read, pass } = bench()
    assert.deepEqual([read(), read(), asked.length], [undefined, undefined, 1])
    pass(10 * MINUTE)
    assert.deepEqual([read(), asked.length], [undefined, 1])
    asked[0]!.resolve(FULL)
    await settled()
    assert.deepEqual([read(), asked.length], [FULL, 1])
    pass(MINUTE - 1)
    assert.deepEqual([read(), asked.length], [FULL, 1])
    pass(1)
    assert.deepEqual([read(), asked.length], [FULL, 2])
  })
  test('forgets what it knew when the TSB is away, and asks again after a minute', async () => {
    const { asked, reasons, read, pass } = bench()
    read()
    asked[0]!.resolve(FULL)
    await settled()
    pass(MINUTE)
    read()
    asked[1]!.reject(new TsbError('keystore-statistics', 'tsb-unavailable', 'no connection', { effect: 'none' }))
    await settled()
    assert.deepEqual([read(), asked.length, reasons], [undefined, 2, ['tsb-unavailable: no connection']])
    pass(MINUTE)
    read()
    assert.equal(asked.length, 3)
  })
  test('asks a TSB that refused no more than once an hour', async () => {
    const { asked, read, pass } = bench()
    read()
    asked[0]!.reject(new TsbError('keystore-statistics', 'tsb-unauthorized', '401', { effect: 'none', upstream: { status: 401 } }))
    await settled()
    pass(60 * MINUTE - 1)
    assert.deepEqual([read(), asked.length], [undefined, 1])
    pass(1)
    read()
    assert.equal(asked.length, 2)
  })
})
