import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, test } from 'node:test'
import { SaxesParser } from 'saxes'
import { LIMIT_BYTES } from '../../bench/container.ts'
import { runLoad } from '../../bench/load.ts'
import { measure, type Results } from '../../bench/measure.ts'
import { QUICK } from '../../bench/plan.ts'
import { drawCharts } from '../../bench/plot.ts'
import { openProgress } from '../../bench/progress.ts'
import { reportOf } from '../../bench/report.ts'
import { compared, median, medianOf, ratio, type Cell } from '../../bench/statistics.ts'

/** Two callers, five bundles each, with keys that are quick to make. */
const TINY = { ...QUICK, size: 'small', systems: ['a', 'b'], callers: [2], each: 5, durationMs: 60_000, delays: [], rows: [], startUps: 0, warmUpMs: 0 } as const

let results: Results
let said = ''
before(async () => {
  results = await measure(TINY, openProgress({ write: (text) => { said += text } }, 1, false))
})

/** @throws Error of the parser where it is not well-formed */
function elementsOf(svg: string): string[] {
  const names: string[] = []
  const parser = new SaxesParser()
  parser.on('error', (error) => { throw error })
  parser.on('opentag', ({ name }) => { names.push(name) })
  parser.write(svg).close()
  return names
}

test('the bench has bare calls and the service make bundles, and measures both', () => {
  assert.deepEqual(results.cells.map(({ system, callers, bundles, round }) => ({ system, callers, bundles, round })), [
    { system: 'a', callers: 2, bundles: 10, round: 1 }, { system: 'b', callers: 2, bundles: 10, round: 1 },
  ])
  for (const cell of results.cells) assert.ok(cell.p50Ms > 0 && cell.p99Ms >= cell.p50Ms && cell.bundlesPerSecond > 0 && cell.peakMb! > 10, JSON.stringify(cell))
  assert.ok(results.cells[1]!.cpuMsPerBundle > 0)
})

test('progress on a pipe is one plain line for each step', () => {
  assert.match(said, /^ {2}service, SQLite, 2 callers +\d+\/s {2}p50 /m)
  assert.doesNotMatch(said, /[\r\x1b]/)
})

const PROFILE = {
  callers: 64, bundles: 10, bundlesPerSecond: 100, cpuMsPerBundle: 9,
  purposes: [{ name: 'the journal', ms: 3 }, { name: 'verification', ms: 1 }], folders: [], places: [], functions: [{ name: 'commit  src/journal/group-commit.ts', ms: 2 }], owners: [{ name: 'flush  src/journal/group-commit.ts', ms: 3 }],
}

test('its report has the figures of both, and every plot of it is a well-formed SVG without scripts', () => {
  const report = reportOf({ ...results, profile: PROFILE })
  assert.match(report.get('performance.md')!, /^\| the journal \| 3\.00 \| 75 % \|$/m)
  assert.match(report.get('performance.md')!, /^\| 2 \| \(b\) service, SQLite \| [\d,]+ \| [\d,.]+ \|/m)
  const plots = [...report].filter(([path]) => path.endsWith('.svg'))
  assert.ok(plots.length > 2)
  for (const [path, svg] of plots) {
    assert.ok(report.get('performance.md')!.includes(`](${path})`), path)
    assert.ok(elementsOf(svg).includes(path.includes('latency') ? 'polyline' : 'rect'), path)
    assert.ok(!elementsOf(svg).includes('script'))
  }
})

test('the container of the bench has as much memory as a pod', () => {
  const deployment = readFileSync(new URL('../../deploy/kubernetes/base/deployment.yaml', import.meta.url), 'utf8')
  assert.ok(deployment.includes(`limits: { memory: ${LIMIT_BYTES / 2 ** 20}Mi }`))
})

test('a plot keeps its words apart from its markup', () => {
  const series = [{ name: '<b> & "c"', points: [{ x: 1, y: 2 }, { x: 2, y: undefined }] }]
  const svg = drawCharts([{ title: '</svg>', kind: 'bars', xLabel: '&', yLabel: '<', series }], '"')
  assert.equal(elementsOf(svg).filter((name) => name === 'rect').length, 2, 'one in the legend, and one bar')
})

test('a load ends with the first bundle that fails', async () => {
  let made = 0
  const failing = async (): Promise<void> => { if (++made === 3) throw new Error('the third') }
  await assert.rejects(runLoad({ callers: 1, durationMs: 60_000, spreadMs: 0 }, failing), /the third/)
  assert.equal(made, 3)
})

test('figures are medians of the rounds, and ratios are taken within a round', () => {
  const cell = (system: Cell['system'], round: number, bundlesPerSecond: number): Cell => ({ ...results.cells[0]!, system, round, bundlesPerSecond })
  // The machine was ten times slower in the third round.
  const cells = [cell('a', 1, 100), cell('b', 1, 50), cell('a', 2, 110), cell('b', 2, 50), cell('a', 3, 10), cell('b', 3, 6)]
  assert.equal(medianOf(cells, { system: 'b' }, 'bundlesPerSecond'), 50)
  assert.equal(compared(cells, { system: 'b' }, { system: 'a' }, 'bundlesPerSecond', ratio), 0.5)
  assert.equal(medianOf(cells, { system: 'c' }, 'bundlesPerSecond'), undefined)
  assert.equal(median([4, 1, 3, 2]), 2.5)
})
