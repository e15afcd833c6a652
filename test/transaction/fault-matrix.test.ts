import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testSteps } from './fault-matrix/matrix.ts'
import { cellsOf, FAULTS, GROUPS, sentenceOf, STEPS, type FaultName, type Step } from './fault-matrix/tables.ts'

testSteps(GROUPS.transaction)

test('the matrix has every step × fault × variant of the issue, each once, and no step is in no file', () => {
  assert.deepEqual(Object.values(GROUPS).flat().sort(), Object.keys(STEPS).sort())
  const faults = Object.keys(FAULTS) as FaultName[]
  const cells = (Object.keys(STEPS) as Step[]).flatMap((step) => faults.flatMap((fault) => cellsOf(step, fault)))
  assert.equal(new Set(cells.map(sentenceOf)).size, cells.length)
  const ofTheIssue = cells.filter(({ meets, step, during }) => meets === 'one call' && (step === 'delete' || during === 'flow'))
  assert.equal(ofTheIssue.length, 5 * 16 * 8)
})
