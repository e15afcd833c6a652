import type { Results } from './measure.ts'
import { drawCharts, type Chart, type Series } from './plot.ts'
import { totalMs } from './profile.ts'
import type { Sample } from './soak.ts'
import { compared, difference, medianOf, ratio, type Figure } from './statistics.ts'
import { SYSTEMS, type SystemId } from './systems.ts'

const named = (system: SystemId): Pick<Series, 'name' | 'colour'> => ({ name: `(${system}) ${SYSTEMS[system]}`, colour: Object.keys(SYSTEMS).indexOf(system) })

/** The plots of the report by their paths. */
export function performancePlots(results: Results): [path: string, svg: string][] {
  const { cells, growth, plan, profile, soak } = results
  const series = (systems: readonly SystemId[], y: (system: SystemId, callers: number) => number | undefined): Series[] =>
    systems.map((system) => ({ ...named(system), points: plan.callers.map((x) => ({ x, y: y(system, x) })) }))
  const figure = (name: Figure) => (system: SystemId, callers: number): number | undefined => medianOf(cells, { system, callers }, name)
  const services = plan.systems.filter((system) => system === 'b' || system === 'c')
  const added = (name: Figure, title: string): Chart => ({
    title, kind: 'lines', xLabel: 'callers at once', yLabel: 'ms above (a)', yScale: 'log',
    series: series(services, (system, callers) => compared(cells, { system, callers }, { system: 'a', callers }, name, difference)),
  })
  const plots: [string, string][] = [
    ['performance/throughput.svg', drawCharts([
      { title: 'Bundles per second (more is better)', kind: 'bars', xLabel: 'callers at once', yLabel: 'bundles per second', yScale: 'log', series: series(plan.systems, figure('bundlesPerSecond')) },
    ], 'Bundles per second by number of callers')],
    ['performance/cpu.svg', drawCharts([
      { title: 'CPU time of a bundle (less is better)', kind: 'bars', xLabel: 'callers at once', yLabel: 'ms, user and system', yScale: 'log', series: series(plan.systems, figure('cpuMsPerBundle')) },
    ], 'CPU milliseconds a bundle by number of callers')],
    ['performance/latency.svg', drawCharts([
      added('p50Ms', 'Added latency, p50, no delay at the TSB (less is better)'), added('p99Ms', 'Added latency, p99, no delay at the TSB (less is better)'),
    ], 'Latency above that of three bare calls, by number of callers')],
  ]
  if (growth.length > 0) {
    plots.push(['performance/growth.svg', drawCharts([{
      title: 'Throughput with so many rows in the journal, empty = 1', kind: 'bars', xLabel: 'rows in the journal', yLabel: 'part of an empty journal\'s', aim: { y: 0.95, text: 'aim: at least 0.95' },
      series: services.map((system) => ({ ...named(system), points: plan.rows.map((x) => ({ x, y: compared(growth, { system, rows: x }, { system, rows: 0 }, 'bundlesPerSecond', ratio) })) })),
    }], 'Throughput by rows in the journal')])
  }
  if (profile !== undefined) {
    plots.push(['performance/profile.svg', drawCharts([{
      title: `Where ${totalMs(profile.purposes).toFixed(1)} ms of a bundle go`, kind: 'bars', xLabel: `(b) at ${profile.callers} callers`, yLabel: 'ms a bundle',
      series: profile.purposes.map(({ name, ms }) => ({ name, points: [{ x: profile.callers, y: ms }] })),
    }], 'Milliseconds a bundle by what they are for')])
  }
  if (soak !== undefined) plots.push(['performance/soak.svg', drawSoak(soak.samples)])
  return plots
}

const drawSoak = (samples: readonly Sample[]): string => drawCharts(([
  ['residentMb', 'Resident memory', 'MB'], ['handles', 'Open files and sockets', 'count'],
  ['loopDelayMs', 'Event-loop delay, p99 since the last look', 'ms'], ['bundlesPerSecond', 'Throughput', 'bundles per second'],
] as const).map(([name, title, yLabel]): Chart => ({
  title, kind: 'lines', xLabel: 'seconds', yLabel, series: [{ ...named('b'), points: samples.map((sample) => ({ x: sample.second, y: sample[name] })) }],
})), 'Memory, open files, event-loop delay and throughput over time')
