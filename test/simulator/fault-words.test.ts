import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFault } from '../../src/simulator/fault-words.ts'

test('a fault of the command line meets every call, or every one for labels that begin so', () => {
  assert.deepEqual(readFault('{"call":"create-key","kind":"slow","delayMs":20}'), { call: 'create-key', label: '', fault: { kind: 'slow', delayMs: 20, times: Infinity } })
  assert.deepEqual(readFault('{"call":"delete-key","kind":"hsm-error","label":"bad-"}'), { call: 'delete-key', label: 'bad-', fault: { kind: 'hsm-error', times: Infinity } })
})

test('what is wrong with it is said', () => {
  const wrong: [string, RegExp][] = [
    ['slow', /must be a JSON object/], ['[]', /must be a JSON object/], ['{"call":"creat-key","kind":"huge"}', /call must be one of version-info,/],
    ['{"call":"create-key","kind":"late"}', /kind must be one of slow, reset-before,/], ['{"call":"create-key","kind":"slow"}', /slow needs delayMs/],
    ['{"call":"create-key","kind":"huge","delayMs":1}', /delayMs belongs to slow/], ['{"call":"create-key","kind":"huge","label":1}', /label must be a string/],
    ['{"call":"create-key","kind":"huge","times":1}', /has no member times/],
  ]
  for (const [text, said] of wrong) assert.throws(() => readFault(text), { name: 'Error', message: said }, text)
})
