import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ProblemError } from '../../src/errors.ts'
import { checkStructure } from '../../src/routes/json-structure.ts'

const pointerOf = (text: string): string | undefined => {
  try {
    checkStructure(text)
    return undefined
  } catch (error) {
    assert.ok(error instanceof ProblemError && error.code === 'invalid-request')
    return error.extras.errors?.[0]?.pointer
  }
}

describe('the structure of a body', () => {
  for (const [name, text, pointer] of [
    ['a name that is given twice', '{"key":{"label":"a","label":"b"}}', '/key/label'],
    ['a name that is given twice, once escaped', '{"key":1,"k\\u0065y":2}', '/key'],
    ['a name that is given twice in an element', '{"a":[0,{"b":1,"b":1}]}', '/a/1/b'],
    ['a name with characters of a pointer', '{"a/b~":1,"a/b~":1}', '/a~1b~0'],
    ['a name that reaches a prototype', '{"key":{"__proto__":{}}}', '/key/__proto__'],
    ['that name, escaped', '{"\\u005f_proto__":1}', '/__proto__'],
    ['a name behind a text with brackets and quotes', '{"x":"}]\\"{:,","y":1,"y":2}', '/y'],
  ] as const) {
    test(`${name} is refused at ${pointer}`, () => assert.equal(pointerOf(text), pointer))
  }

  test('the same name in two objects is fine', () => assert.equal(pointerOf('[{"a":{"a":1}},{"a":2}]'), undefined))

  test('sixteen levels are read, seventeen are not', () => {
    const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
    checkStructure(nested(16))
    assert.throws(() => checkStructure(nested(17)), { detail: 'the body is nested more than 16 levels deep' })
    assert.throws(() => checkStructure(nested(30_000)), { detail: 'the body is nested more than 16 levels deep' })
  })

  test('what JSON.stringify writes is never refused', () => {
    fc.assert(fc.property(fc.json({ maxDepth: 10, noUnicodeString: false }), (text) => {
      fc.pre(!text.includes('__proto__'))
      checkStructure(text)
    }), { numRuns: 500 })
  })
})
