import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { withRetries } from '../../src/tsb/retries.ts'
import { TsbError } from '../../src/tsb/tsb-error.ts'

const passing = (): TsbError => new TsbError('key-attributes', 'tsb-unavailable', 'passing', { effect: 'unknown', transient: true })
const lasting = (): TsbError => new TsbError('key-attributes', 'tsb-error', 'lasting', { effect: 'unknown' })

/** Throws these one after the other, then answers; counts. */
function failing(...errors: readonly unknown[]) {
  const run = { count: 0, call: async (): Promise<string> => { run.count += 1; if (run.count <= errors.length) throw errors[run.count - 1]; return `try ${run.count}` } }
  return run
}

// The pauses are real, 0.15 to 1 s, so what waits runs side by side.
describe('a call that may be repeated', { concurrency: true }, () => {
  test('is made once where it works', async () => assert.equal(await withRetries(failing().call), 'try 1'))
  test('is made again after one passing fault', async () => assert.equal(await withRetries(failing(passing()).call), 'try 2'))
  test('is made a third time after two', async () => assert.equal(await withRetries(failing(passing(), passing()).call), 'try 3'))
  test('is made three times at most, and the last error is thrown', async () => {
    const last = passing()
    const run = failing(passing(), passing(), last, passing())
    await assert.rejects(withRetries(run.call), (error) => error === last)
    assert.equal(run.count, 3)
  })
  test('is not repeated after a lasting fault', async () => {
    for (const error of [lasting(), new Error('a bug')]) {
      const run = failing(error)
      await assert.rejects(withRetries(run.call), (thrown) => thrown === error)
      assert.equal(run.count, 1)
    }
  })
  test('stops at a lasting fault behind a passing one', async () => {
    const run = failing(passing(), lasting())
    await assert.rejects(withRetries(run.call), { code: 'tsb-error' })
    assert.equal(run.count, 2)
  })
  test('is not repeated beyond the deadline', async () => {
    const run = failing(passing(), passing())
    await assert.rejects(withRetries(run.call, AbortSignal.abort()), { detail: 'passing' })
    assert.equal(run.count, 1)
  })
  test('a deadline ends the pause, and the fault itself is thrown', async () => {
    const deadline = new AbortController()
    const run = failing(passing(), passing())
    const result = withRetries(run.call, deadline.signal)
    deadline.abort()
    await assert.rejects(result, { detail: 'passing' })
    assert.equal(run.count, 1)
  })
})
