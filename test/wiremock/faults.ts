import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ProblemCode } from '../../src/errors.ts'
import type { Stub } from '../support/wiremock.ts'
import { problemIn } from '../support/problem.ts'
import { file, HAPPY, LANDS, LOOK, once, order, recordedTsb, UNDO, type StubResponse } from './recorded-tsb.ts'

const tsb = recordedTsb()
const FAULTS = ['CONNECTION_RESET_BY_PEER', 'EMPTY_RESPONSE', 'MALFORMED_RESPONSE_CHUNK', 'RANDOM_DATA_THEN_CLOSE'] as const

// Long enough for a healthy answer on a busy machine; the late ones come far later.
const LIMIT = '600'
const late = (name: string, status = 200): StubResponse => ({ ...file(name, status), fixedDelayMilliseconds: 3_000 })
const dripping = (name: string, totalDuration: number, status = 200): StubResponse => ({ ...file(name, status), chunkedDribbleDelay: { numberOfChunks: 5, totalDuration } })

type Mishap = readonly [name: string, response: StubResponse, code: ProblemCode]
const TOO_LATE = 'an answer that comes too late'
const TOO_SLOW = 'an answer that drips too slowly'

describe('create-key', () => {
  const mishaps: readonly Mishap[] = [
    // create-key asks for `connection: close`, so this answer ends with the connection and is whole, but garbage.
    ...FAULTS.map((fault): Mishap => [fault, { fault }, fault === 'MALFORMED_RESPONSE_CHUNK' ? 'tsb-invalid-response' : 'tsb-unavailable']),
    [TOO_LATE, late('recorded/create-key.json', 201), 'tsb-timeout'],
    [TOO_SLOW, dripping('recorded/create-key.json', 3_000, 201), 'tsb-timeout'],
  ]
  for (const [name, response, code] of mishaps) {
    const fail = async (t: Parameters<typeof tsb.service>[0], more: Partial<Stub> = {}, body: unknown = order): Promise<string | undefined> => {
      await tsb.answer('create-key', response, more)
      const problem = await problemIn(await (await tsb.service(t, { TSB_CREATE_KEY_TIMEOUT_MS: LIMIT })).post(body), code)
      assert.equal(problem.transaction?.step, 'create-key')
      assert.equal((await tsb.sent('create-key')).length, 1, 'create-key is never repeated')
      return problem.transaction.rollback
    }

    test(`broken by ${name} is looked up, and owed as long as no key is seen`, async (t) => {
      assert.equal(await fail(t), 'pending')
      assert.deepEqual(await tsb.asked(), [...LOOK, 'create-key', 'key-attributes'])
    })

    test(`broken by ${name} after the HSM made the key is looked up, and the key is taken back`, async (t) => {
      assert.equal(await fail(t, LANDS), 'done')
      assert.deepEqual(await tsb.asked(), [...LOOK, 'create-key', 'key-attributes', 'delete-key', 'key-attributes'])
      assert.equal(await tsb.keyExists(), false)
    })
  }

  test('that drips within its limit is read', async (t) => {
    await tsb.answer('create-key', dripping('recorded/create-key.json', 200, 201), LANDS)
    assert.equal((await (await tsb.service(t)).post()).status, 201)
    assert.deepEqual(await tsb.asked(), HAPPY)
  })
})

describe('a call behind create-key', () => {
  // Each try costs its time limit, so each kind of lateness is played at one of the two.
  const calls: readonly [call: 'certificate-request' | 'key-attestation', step: string, lateness: Mishap][] = [
    ['certificate-request', 'generate-csr', [TOO_LATE, late('recorded/certificate-request.json'), 'tsb-timeout']],
    ['key-attestation', 'export-attestation', [TOO_SLOW, dripping('recorded/attestation.zip', 3_000), 'tsb-timeout']],
  ]
  for (const [call, step, lateness] of calls) {
    for (const [name, response, code] of [...FAULTS.map((fault): Mishap => [fault, { fault }, 'tsb-unavailable']), lateness]) {
      test(`is tried three times, then the key is taken back: ${call}, broken by ${name}`, async (t) => {
        await tsb.answer(call, response)
        const problem = await problemIn(await (await tsb.service(t, { TSB_TIMEOUT_MS: LIMIT })).post(), code)
        assert.deepEqual([problem.transaction?.step, problem.transaction?.rollback], [step, 'done'])
        assert.deepEqual(await tsb.asked(), [...HAPPY.slice(0, HAPPY.indexOf(call)), call, call, call, ...UNDO])
        assert.equal(await tsb.keyExists(), false)
      })
    }
  }

  for (const fault of FAULTS) {
    test(`is repeated and the transaction completes after one ${fault}`, async (t) => {
      for (const [call] of calls) await tsb.answer(call, { fault }, once(`${call} breaks`))
      assert.equal((await (await tsb.service(t)).post()).status, 201)
      assert.deepEqual(await tsb.asked(), [...LOOK, 'create-key', 'certificate-request', 'certificate-request', 'key-attestation', 'key-attestation'])
    })
  }
})

describe('a call before create-key', () => {
  test('that breaks three times leaves nothing to take back: the look', async (t) => {
    await tsb.answer('key-attributes', { fault: 'CONNECTION_RESET_BY_PEER' })
    const problem = await problemIn(await (await tsb.service(t)).post(), 'tsb-unavailable')
    assert.deepEqual([problem.transaction?.step, problem.transaction?.rollback], ['check-label', 'not-needed'])
    assert.deepEqual(await tsb.asked(), [...LOOK, 'key-attributes', 'key-attributes'])
  })

  test('that breaks is not needed: the version', async (t) => {
    await tsb.answer('version-info', { fault: 'RANDOM_DATA_THEN_CLOSE' })
    assert.equal((await (await tsb.service(t)).post()).status, 201)
    assert.deepEqual(await tsb.asked(), HAPPY)
  })
})
