import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openUnwritten } from '../../src/transaction/unwritten.ts'

test('what the journal does not take is tried again, and told of once when it fails and once when it got through', async () => {
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
  assert.deepEqual([tries.splice(0), unwritten.ids()], [['a', 'b', 'a'], ['b', 'a']])
  away = false
  await unwritten.add('c', write('c'))
  assert.deepEqual([tries.splice(0), unwritten.ids()], [['c'], ['b', 'a']])
  await unwritten.retry()
  await unwritten.retry()
  assert.deepEqual([tries, unwritten.ids()], [['b', 'a'], []])
  assert.deepEqual(told, ['a waits', 'b waits', 'b done', 'a done'])
})

test('what the journal will never take keeps nothing else waiting', async () => {
  const unwritten = openUnwritten(() => undefined, () => undefined)
  let away = true
  await unwritten.add('lost', async () => { throw new Error('the journal does not have this transaction any more') })
  await unwritten.add('other', async () => { if (away) throw new Error('away') })
  away = false
  await unwritten.retry()
  await unwritten.retry()
  assert.deepEqual(unwritten.ids(), ['lost'])
})
