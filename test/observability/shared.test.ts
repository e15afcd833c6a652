import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shared } from '../../src/observability/shared.ts'

test('those who ask at the same time share one look, and the next one looks again', async () => {
  let looks = 0
  const look = shared(async () => { looks += 1; return looks })
  assert.deepEqual(await Promise.all([look(), look(), look()]), [1, 1, 1])
  assert.equal(await look(), 2)
})

test('a look that fails fails for all who share it, and for nobody else', async () => {
  let looks = 0
  const look = shared(async () => {
    looks += 1
    if (looks === 1) throw new Error('away')
    return looks
  })
  const outcomes = await Promise.allSettled([look(), look()])
  assert.deepEqual([outcomes.map(({ status }) => status), looks], [['rejected', 'rejected'], 1])
  assert.equal(await look(), 2)
})
