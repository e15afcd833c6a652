import assert from 'node:assert/strict'
import { test } from 'node:test'
import { provenOffset } from '../../src/observability/hsm-clock.ts'

const NOW = Date.parse('2026-11-25T12:00:10.500Z')

test("the HSM's clock is right where its time may lie within the call, whole seconds considered", () => {
  for (const attested of ['2026-11-25T12:00:10Z', '2026-11-25T12:00:08Z', '2026-11-25T12:00:07Z']) assert.equal(provenOffset(attested, NOW, 3_000), 0, attested)
})
test('a clock that is ahead is ahead of the answer', () => assert.equal(provenOffset('2026-11-25T12:02:00Z', NOW, 3_000), 109.5))
test('a clock that is behind is behind the request, and a slow call makes that smaller', () => {
  assert.equal(provenOffset('2026-11-25T11:58:00Z', NOW, 0), -129.5)
  assert.equal(provenOffset('2026-11-25T11:58:00Z', NOW, 60_000), -69.5)
})
test('what is no time says nothing', () => {
  for (const value of [undefined, null, 5, '', 'soon']) assert.equal(provenOffset(value, NOW, 0), undefined)
})
