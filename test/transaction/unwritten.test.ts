import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openUnwritten } from '../../src/transaction/unwritten.ts'

test('what the journal does not take is tried again in order, and told of once when it fails and once when it got through', async () => {
  const told: string[] = []
  const unwritten = openUnwritten((id) => told.push(`${id} waits`), (id) => told.push(`${id} done`))
  let away = true
  const tries: string[] = []
  const write = (id: string) => async (): Promise<void> => {
    tries.push(id)
    if (away) throw new Error('away')
  }
  await unwritten.add('a', write('a'))
  await unwritten.add('b', write('b'))
  // The first one that fails ends a round: the journal is still away.
  await unwritten.retry()
  assert.deepEqual([tries.splice(0), unwritten.ids()], [['a', 'b', 'a'], ['a', 'b']])
  away = false
  await unwritten.add('c', write('c'))
  assert.deepEqual([tries.splice(0), unwritten.ids()], [['c'], ['a', 'b']])
  await unwritten.retry()
  await unwritten.retry()
  assert.deepEqual([tries, unwritten.ids()], [['a', 'b'], []])
  assert.deepEqual(told, ['a waits', 'b waits', 'a done', 'b done'])
})
