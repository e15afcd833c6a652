import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { openBenches } from './benches.ts'
import { assertPromises } from './promises.ts'
import { cellsOf, FAULTS, sentenceOf, type Cell, type FaultName, type Step } from './tables.ts'

/** Seconds of waiting, roughly: the cells that wait longest begin, and the others compute meanwhile. */
function waits(fault: FaultName): number {
  const { code, repeated } = FAULTS[fault]
  return fault === 'refused' ? 10 : code === 'tsb-timeout' ? 8 : repeated ? 2 : 1
}

/** One test for each fault at each of these steps, over all cells. What fails names its cell as a sentence. */
export function testSteps(steps: readonly Step[]): void {
  const faults = (Object.keys(FAULTS) as FaultName[]).sort((one, other) => waits(other) - waits(one))
  const blows = faults.flatMap((fault) => steps.map((step) => ({ fault, step })))
  describe('the promises hold at', { concurrency: blows.length }, () => {
    const benches = openBenches()
    after(() => benches.close())
    let count = 0

    const failureOf = async (cell: Cell): Promise<string[]> => {
      // The number comes first and has a fixed width, so that no name is the beginning of another one.
      const name = `m${String(count += 1).padStart(4, '0')}-${cell.step}`
      const bench = await benches.benchFor(cell)
      const says = (error: unknown): string[] => [`${sentenceOf(cell)} (${name}): ${String(error)}`]
      return bench.enter(() => assertPromises(cell, bench, name)).then(() => [], says)
    }
    for (const { fault, step } of blows) {
      test(`${fault} at ${step}`, async () => {
        const failures = (await Promise.all(cellsOf(step, fault).map(failureOf))).flat()
        assert.ok(failures.length === 0, failures.join('\n\n'))
      })
    }
  })
}
