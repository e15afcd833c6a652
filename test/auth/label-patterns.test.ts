import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { allowsLabel } from '../../src/auth/label-patterns.ts'

const exact = (pattern: string, value: string): boolean => allowsLabel([pattern], { kind: 'exact', value })
const prefix = (pattern: string, value: string): boolean => allowsLabel([pattern], { kind: 'prefix', value })

describe('a pattern', () => {
  const rows: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['billing', ['billing'], ['billing-1', 'abilling', 'Billing', 'billin']],
    ['billing-*', ['billing-1', 'billing-'], ['billing', 'Billing-1', 'xbilling-1', 'billing1']],
    ['*', ['a', 'billing-1'], []],
    ['*-2026', ['a-2026', '-2026'], ['2026', 'a-2026-1']],
    ['a*b*c', ['abc', 'axbxc', 'abbcc', 'abcbc'], ['acb', 'ab', 'abcd', 'xabc']],
    ['a*a', ['aa', 'aba'], ['a']],
    ['ab*bc', ['abbc', 'abxbc'], ['abc']],
    ['**', ['a'], []], ['a**b', ['ab', 'axb'], ['a']],
    ['a.b', ['a.b'], ['axb']], ['a.*', ['a.x'], ['ab']],
    ['*a*b*', ['ab', 'xaxbx'], ['ba']],
  ]
  for (const [pattern, takes, refuses] of rows) {
    test(pattern, () => {
      for (const label of takes) assert.equal(exact(pattern, label), true, label)
      for (const label of refuses) assert.equal(exact(pattern, label), false, label)
    })
  }
  test('of many stars costs no more than a look', () => {
    const started = process.hrtime.bigint()
    assert.equal(exact('a*'.repeat(64), `${'a'.repeat(127)}b`), true)
    assert.equal(exact(`${'*a'.repeat(63)}b*`, 'a'.repeat(128)), false)
    assert.ok(process.hrtime.bigint() - started < 100_000_000n)
  })
  test('is one of several, and none is none', () => {
    assert.equal(allowsLabel(['x', 'billing-*'], { kind: 'exact', value: 'billing-1' }), true)
    assert.equal(allowsLabel([], { kind: 'exact', value: 'billing-1' }), false)
  })
})

test('a prefix needs a pattern that fits whatever the id of the transaction is', () => {
  for (const [pattern, value, fits] of [
    ['billing-*', 'billing', true], ['billing*', 'billing', true], ['billing-*', 'billing-a', true], ['*', 'billing', true],
    ['bill*', 'billing', true], ['billing', 'billing', false], ['billing-a*', 'billing', false], ['billing-*-2026', 'billing', false],
    ['billing-*4*', 'billing', false], ['shop-*', 'billing', false], ['billing-', 'billing', false], ['*-4*', 'billing', false],
  ] as const) {
    assert.equal(prefix(pattern, value), fits, `${pattern} ${value}`)
    if (fits) assert.equal(exact(pattern, `${value}-${randomUUID()}`), true)
  }
})
