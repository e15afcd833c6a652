import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ProblemError } from '../../src/errors.ts'
import { chooseRepresentation } from '../../src/routes/accept.ts'

describe('which representation an Accept header gets', () => {
  const table: readonly [string | undefined, 'zip' | 'json' | 'neither'][] = [
    [undefined, 'zip'],
    ['', 'zip'],
    ['  ', 'zip'],
    ['*/*', 'zip'],
    ['application/*', 'zip'],
    ['application/zip', 'zip'],
    ['application/json', 'json'],
    ['APPLICATION/JSON', 'json'],
    ['application/json; charset=utf-8', 'json'],
    ['application/zip, application/json', 'zip'],
    ['application/json, application/zip', 'zip'],
    ['application/json, */*', 'zip'],
    ['application/json, */*;q=0.9', 'json'],
    ['application/json, */*; q=0.9', 'json'],
    ['application/json;q=0.5, application/zip;q=0.5', 'zip'],
    ['application/json;q=0.501, application/zip;q=0.5', 'json'],
    ['application/json;q=0.5, application/zip;q=0.9', 'zip'],
    ['application/zip;q=0, application/json', 'json'],
    ['application/zip;q=0, */*', 'json'],
    ['application/json;q=0, */*', 'zip'],
    ['*/*;q=0.1, application/*;q=0.5, application/zip;q=0.2', 'json'],
    ['text/html, application/xhtml+xml, */*;q=0.8', 'zip'],
    ['application/json;q=1.000, application/zip;q=0.999', 'json'],
    ['application/json;Q=0.9, application/zip;q=0.1', 'json'],
    ['text/html', 'neither'],
    ['application/problem+json', 'neither'],
    ['application/zip;q=0', 'neither'],
    ['application/zip;q=0, application/json;q=0.0', 'neither'],
    ['*/*;q=0', 'neither'],
    ['zip', 'neither'],
    ['application/json;q=2', 'neither'],
    ['application/json;q=high', 'neither'],
  ]
  for (const [accept, expected] of table) {
    test(`${accept === undefined ? 'no header' : `"${accept}"`} gets ${expected}`, () => {
      if (expected !== 'neither') {
        assert.equal(chooseRepresentation(accept), expected)
        return
      }
      assert.throws(() => chooseRepresentation(accept), (error) => error instanceof ProblemError && error.code === 'not-acceptable')
    })
  }
})
