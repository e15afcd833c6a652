import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeClock, offsetOf } from '../../src/doctor/clock.ts'

test('a time told bounds the offset by when it was asked and answered; two bound it better', () => {
  const slow = { told: 10_000, between: [9_000, 14_000] } as const
  const fast = { told: 15_000, between: [14_300, 14_400] } as const
  assert.deepEqual(offsetOf([slow]), { from: -4_000, to: 2_000 })
  assert.deepEqual(offsetOf([slow, fast]), { from: 600, to: 1_700 })
})

test('where a clock was set between two answers, the faster one counts', () => {
  assert.deepEqual(offsetOf([{ told: 0, between: [0, 500] }, { told: 90_000, between: [1_000, 1_100] }]), { from: 88_900, to: 90_000 })
})

test('no time, no offset', () => {
  assert.equal(offsetOf([]), undefined)
  assert.equal(judgeClock(undefined, 300).outcome, 'skipped')
})

test('what is allowed passes, more than half of it warns, and beyond it fails, ahead and behind', () => {
  for (const side of [1, -1]) {
    const outcomes = [0, 149_000, 151_000, 300_900, 301_100].map((ms) => judgeClock({ from: side * ms, to: side * ms }, 300).outcome)
    assert.deepEqual(outcomes, ['passed', 'passed', 'warning', 'warning', 'failed'])
  }
  assert.equal(judgeClock({ from: -400_000, to: 400_000 }, 300).outcome, 'passed', 'what may be nothing is nothing')
})
