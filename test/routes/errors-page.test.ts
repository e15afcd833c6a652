import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { PROBLEM_CODES, PROBLEMS, type ProblemCode } from '../../src/errors.ts'

const page = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8')
const [, table = ''] = page.split('| code | status |')
const rows = table.split('\n').filter((line) => line.startsWith('| `')).map((line) => line.split('|').map((cell) => cell.trim()).slice(1, -1))

test('docs/errors.md has one row for every problem code, in the order of the table in src/errors.ts, and no other', () => {
  assert.deepEqual(rows.map(([code = '']) => code.replaceAll('`', '')), PROBLEM_CODES)
})

test('every row says the status, when it happens and what the caller does', () => {
  for (const cells of rows) {
    assert.equal(cells.length, 4, cells[0])
    const row = PROBLEMS[cells[0]!.replaceAll('`', '') as ProblemCode]
    assert.equal(cells[1], `${row.status}${'retryAfterSeconds' in row ? ' + `retry-after`' : ''}`, cells[0])
    assert.ok(cells[2]!.length > 20 && cells[3]!.length > 10, cells[0])
  }
})
