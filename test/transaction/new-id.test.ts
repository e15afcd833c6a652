import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '../../src/transaction/new-id.ts'

test('ids are UUIDs of version 7, in the order of their times, and no two are the same', () => {
  const ids = Array.from({ length: 1_000 }, (_, i) => newId(1_645_557_742_000 + i))
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.deepEqual(ids.toSorted(), ids)
  assert.equal(new Set(Array.from({ length: 1_000 }, () => newId(0).slice(14))).size, 1_000)
  // RFC 9562, appendix A.6: the same time.
  assert.equal(newId(0x017F22E279B0).slice(0, 13), '017f22e2-79b0')
})
