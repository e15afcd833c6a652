import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { openBenches } from './benches.ts'
import { assertPromises } from './promises.ts'
import { cellsOf, FAULTS, sentenceOf, type Cell, type FaultName, type Step } from './tables.ts'

const FAULT_NAMES = Object.keys(FAULTS) as FaultName[]

/** One test for each fault at a step, over all cells. What fails names its cell as a sentence. */
export function testStep(step: Step): void {
  describe(`the promises hold when ${step} meets`, { concurrency: FAULT_NAMES.length }, () => {
    const benches = openBenches(step)
    after(() => benches.close())
    let count = 0

    const failureOf = async (cell: Cell): Promise<string[]> => {
      // The number comes first and has a fixed width, so that no name is the beginning of another one.
      const name = `m${String(count += 1).padStart(4, '0')}-${step}`
      const bench = await benches.benchFor(cell)
      return bench.enter(() => assertPromises(cell, bench, name)).then(() => [], (error: unknown) => [`${sentenceOf(cell)} (${name}): ${String(error)}`])
    }
    for (const fault of FAULT_NAMES) {
      test(fault, async () => {
        const failures = (await Promise.all(cellsOf(step, fault).map(failureOf))).flat()
        assert.ok(failures.length === 0, failures.join('\n\n'))
      })
    }
  })
}
