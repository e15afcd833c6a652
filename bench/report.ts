import { aimsOf } from './aims.ts'
import type { Results } from './measure.ts'
import { performancePlots } from './report-plots.ts'
import { totalMs } from './profile.ts'
import { reasons } from './reasons.ts'
import { compared, difference, medianOf, ratio, type Cell, type Figure, type Where } from './statistics.ts'
import { SYSTEMS, type SystemId } from './systems.ts'

/** Files of the report by their paths below the folder of the documents. */
export type Report = ReadonlyMap<string, string>

/** Writes the whole report: the page and its plots. */
export const reportOf = (results: Results): Report => new Map([['performance.md', page(results)], ...performancePlots(results)])

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, index) => (index === 0 ? '---' : '---:')), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
const number = (value: number | undefined, digits: number): string =>
  (value === undefined ? '–' : value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits }))

const named = (system: SystemId): string => `(${system}) ${SYSTEMS[system]}`
const unique = <T>(values: readonly T[]): T[] => [...new Set(values)]

function page(results: Results): string {
  const { plan, machine, minutes, loadBefore, at } = results
  return `# What a bundle costs

\`npm run bench\` wrote this page and its plots on ${at.slice(0, 10)}, at revision ${machine.revision}. Whoever changes either by hand loses it at the next run.

Four things made bundles side by side, in the same rounds on the same machine:

- (a) three bare calls of the TSB, one after the other, with undici, and nothing else: the limit of what can be had
- (b) the service with its journal in SQLite
- (c) the service with its journal in PostgreSQL, with \`fsync\`
- (d) what people do by hand: a shell script of curl, unzip, the vendor's openssl commands, and zip ([bench/by-hand.sh](../bench/by-hand.sh))

## The aims

${table(['aim', 'journal', 'measured', ''], aimsOf(results).map(({ aim, system, measured, met }) => [aim, SYSTEMS[system].replace('service, ', ''), measured, met ? 'met' : '**not met**']))}
${reasoned(results)}
## Throughput

Bundles per second, as a part of (a)'s:

${ratios(results)}

![Bundles per second by callers](performance/throughput.svg)

![CPU milliseconds a bundle by callers](performance/cpu.svg)

![Added latency by callers](performance/latency.svg)

${absolute(results.cells, plan.systems)}

"Added" is what a system's latency has above that of (a) with as many callers. Without a delay at the TSB every caller asks again at once, so with many callers the
machine is always full, and latency is the number of callers divided by the throughput. The next section has what a caller waits longer where the HSM is what takes time.

The CPU time of (c) holds that of the PostgreSQL server, and that of (d) every program of the script.
Memory is that of the service's process (of the callers, for (a)) in the first round: the most during a measurement, and at its end. A process gives
little back, so the rows below hold what those above took. "Loop" is the 99th percentile of the event loop's delay.

## A TSB that takes its time

Create-key takes so long as the column says. The callers' first requests are spread over that time.

${absolute(results.delays, plan.systems.filter((system) => system !== 'd'))}

${inFlightSays(results)}
## A journal that grows

Throughput at ${plan.growthCallers} callers with so many rows in the journal, as a part of that with an empty one. The rows are copies of one that a bundle left, older and older, one every four
seconds. One in 500 still has its bundle's bytes; of the others they have expired, and the report is cut short.

${growth(results)}

![Throughput by rows in the journal](performance/growth.svg)
${profiled(results)}${soaked(results)}${startUp(results)}
## What was tried, and left

By hand, in November 2026, on a machine of this kind:

- A thread of its own, for verification or for SQLite: 12 MB and 30 ms at the start, and 0.15 ms of CPU to hand 64 kB over and hear the answer, for work of about 1.3 ms a bundle. It would take nothing off
  the CPU, and one bundle's verification holds the event loop for no longer than that.
- Compressing the zip: 2.9 ms a bundle at level 1 and 4.0 ms at level 6, in place of 0.4 ms, for 24 and 23 kB in place of 64; and what comes out would depend on the version of zlib, so that the same evidence would no longer
  give the same bytes.
- Keeping PostgreSQL's plans: 0.4 ms less of its CPU a bundle, but a plan that was made while the table was small was five times slower once it had grown, until the next ANALYZE.

## How it was measured

${table(['', ''], [
    ['CPU', `${machine.cpu}, ${machine.cores} cores`], ['memory', `${machine.memoryGb} GB`], ['kernel', machine.kernel], ['Node.js', `${machine.node}, OpenSSL ${machine.nodeOpenssl}, SQLite ${machine.sqlite}`],
    ['openssl', machine.openssl], ['PostgreSQL', machine.postgresql ?? '–'], ['load before', `${number(loadBefore, 2)} (the system's average of one minute)`], ['the run', `${number(minutes, 0)} minutes`],
  ]).replace('---:', '---')}

- ${plan.rounds} rounds of ${number(plan.durationMs / 1_000, 1)} s for each measurement, (a), (b), (c), (d) by turns, so that what slows the machine for a while slows all of them; for the growing journal ${plan.growthRounds}. Each figure is
  the median of the rounds; ratios and differences are taken within a round first.
- The callers, what stands in the TSB's place, and PostgreSQL are processes of their own, on the same cores. They take their share of them: the service alone would do more.
- In the TSB's place is a process that answers from keys and CSRs made beforehand, and signs each attestation with an EC key. The chain has the vendor's key sizes (RSA 4096 and 3072); the bundles' keys are RSA 3072. It takes
  ${number(medianOf(results.cells, { system: 'a' }, 'upstreamCpuMsPerBundle'), 2)} ms of CPU a bundle.
- The service runs as \`npm start\` does, with \`LOG_LEVEL=info\` into a file, \`MAX_TRANSACTIONS=256\` and \`AUTH_MODE=none\`. Callers send \`labelPrefix\` and an \`Idempotency-Key\`, as README.md recommends, and no key password: one would
  cost a scrypt on top. With \`labelPrefix\` the service makes the same three calls as (a); an exact \`label\` costs a fourth.
- Every answer is looked at: one failed bundle ends the run.

\`npm run bench -- --help\` has the options. \`--quick\` takes about a minute and writes nothing; \`--profile\` says where the service's CPU time goes.
`
}

function ratios({ cells, plan }: Results): string {
  const others = plan.systems.filter((system) => system !== 'a')
  return table(['callers', ...others.map(named)], plan.callers.map((callers) => [String(callers),
    ...others.map((system) => number(compared(cells, { system, callers }, { system: 'a', callers }, 'bundlesPerSecond', ratio), 2))]))
}

/** All figures, a row for each system and number of callers. */
function absolute(cells: readonly Cell[], systems: readonly SystemId[]): string {
  const slow = cells.some(({ delayMs }) => delayMs > 0)
  const head = [...(slow ? ['delay ms'] : []), 'callers', 'system', 'bundles/s', 'p50 ms', 'p95 ms', 'p99 ms', 'added p50', 'added p95', 'added p99', 'CPU ms', 'peak MB', 'MB', 'loop ms']
  const rows = unique(cells.map(({ delayMs }) => delayMs)).flatMap((delayMs) => unique(cells.filter((cell) => cell.delayMs === delayMs).map(({ callers }) => callers)).flatMap((callers) => systems.map((system) => {
    const where: Where = { system, callers, delayMs }
    const figure = (name: Figure, digits: number): string => number(medianOf(cells, where, name), digits)
    const memory = (name: Figure): string => number(medianOf(cells, { ...where, round: 1 }, name), 0)
    const added = (name: Figure): string => (system === 'a' ? '' : number(compared(cells, where, { ...where, system: 'a' }, name, difference), 1))
    return [...(slow ? [number(delayMs, 0)] : []), String(callers), named(system), figure('bundlesPerSecond', 0), figure('p50Ms', 1), figure('p95Ms', 1), figure('p99Ms', 1),
      added('p50Ms'), added('p95Ms'), added('p99Ms'), figure('cpuMsPerBundle', 2), memory('peakMb'), memory('residentMb'), figure('loopDelayMs', 1)]
  })))
  return table(head, rows)
}

function growth({ growth: cells, plan }: Results): string {
  const systems = unique(cells.map(({ system }) => system))
  return table(['rows', ...systems.flatMap((system) => [SYSTEMS[system], 'bundles/s', 'p99 ms', 'CPU ms'])], plan.rows.map((rows) => [number(rows, 0), ...systems.flatMap((system) => [
    number(compared(cells, { system, rows }, { system, rows: 0 }, 'bundlesPerSecond', ratio), 3),
    number(medianOf(cells, { system, rows }, 'bundlesPerSecond'), 0), number(medianOf(cells, { system, rows }, 'p99Ms'), 1), number(medianOf(cells, { system, rows }, 'cpuMsPerBundle'), 2),
  ])]))
}

const inFlightSays = ({ inFlight, inFlightLimit }: Results): string => (inFlight.length === 0 ? '' : inFlightLimit === undefined
  ? 'The memory of the aim is that of a process which may have all of the machine\'s.\n'
  : `The memory of the aim is that of a container with ${number(inFlightLimit / 2 ** 20, 0)} MiB, which is what a pod of [deploy/kubernetes](../deploy/kubernetes) has. Where there is a limit, Node keeps its heap smaller; where there
is none, as in the rows above, it lets garbage lie for longer.
`)

/** What is said of the aims that are not met. */
function reasoned(results: Results): string {
  const said = reasons(results)
  return said.length === 0 ? '' : `\nWhy some are not met, and what that means:\n\n${said.map((reason) => `- ${reason}`).join('\n')}\n`
}

function profiled({ profile }: Results): string {
  if (profile === undefined) return ''
  const { callers, bundlesPerSecond, purposes, owners, functions } = profile
  const shares = (list: typeof purposes): string[][] => list.map(({ name, ms }) => [name, number(ms, 2), `${number(ms / totalMs(purposes) * 100, 0)} %`])
  return `
## Where the time goes

V8's profiler (\`--cpu-prof\`) on the main thread of (b) at ${callers} callers, ${number(bundlesPerSecond, 0)} bundles a second: ${number(totalMs(purposes), 2)} ms a bundle, time in which SQLite waits for the disk
included, and the profiler's own. What packages and Node do counts for the part of the service that asked.

${table(['what for', 'ms a bundle', ''], shares(purposes))}

![Milliseconds a bundle by what they are for](performance/profile.svg)

The functions of the service that take the most, with what they call outside of it:

${table(['function', 'ms a bundle', ''], shares(owners.slice(0, 12)))}

and what takes the most by itself:

${table(['function', 'ms a bundle', ''], shares(functions.slice(0, 12)))}
`
}

function soaked({ soak }: Results): string {
  if (soak === undefined) return ''
  const at = (part: number): string[] => {
    const sample = soak.samples[Math.round(part * (soak.samples.length - 1))]
    return [`${number(sample?.second, 0)} s`, number(sample?.residentMb, 0), number(sample?.handles, 0), number(sample?.loopDelayMs, 1), number(sample?.bundlesPerSecond, 0)]
  }
  return `
## For a longer time

${number(soak.seconds / 60, 1)} minutes with ${soak.callers} callers and ${soak.delayMs} ms at the TSB, a SQLite journal: ${number(soak.bundles, 0)} bundles, p50 ${number(soak.p50Ms, 1)} ms, p99 ${number(soak.p99Ms, 1)} ms${soak.revision === undefined ? '' : `, at revision ${soak.revision}`}.

${table(['after', 'MB', 'open files', 'loop ms', 'bundles/s'], [0, 0.25, 0.5, 0.75, 1].map(at))}

![Memory, open files and event-loop delay over time](performance/soak.svg)
`
}

function startUp({ startUp: starts, image }: Results): string {
  if (starts === undefined) return ''
  const row = (name: string, { ms, cpuMs, residentMb }: { ms: number; cpuMs: number; residentMb: number }): string[] => [name, number(ms, 0), number(cpuMs, 0), number(residentMb, 0)]
  return `
## Start-up${image === undefined ? '' : ' and image'}

From the start of the process to \`Server listening\`, with an empty SQLite journal:

${table(['', 'ms', 'CPU ms', 'MB'], [row('`npm start`', starts.plain), row('with a compile cache, as in the image', starts.cached)])}
${image === undefined ? '' : `\nThe image has ${number(image.totalMb, 0)} MB, of which the service adds ${number(image.ownMb, 1)} MB to Node's.\n`}`
}
