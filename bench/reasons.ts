import { aimsOf, type AimId } from './aims.ts'
import type { Results } from './measure.ts'
import { totalMs } from './profile.ts'
import { compared, difference, medianOf } from './statistics.ts'

const ms = (value: number): string => value.toFixed(1)

/** @returns why the aims that a run did not meet were not met, in sentences */
export function reasons(results: Results): string[] {
  const missed = (id: AimId): boolean => aimsOf(results).some((aim) => aim.id === id && !aim.met)
  return [
    ...(missed('throughput') ? [throughput(results)] : []),
    ...(missed('cpu') ? cpu(results) : []),
    ...(missed('by-hand') ? [byHand(results)] : []),
    ...(missed('slow-tsb') ? [slowTsb(results)] : []),
    ...(missed('memory') ? [MEMORY] : []),
  ]
}

/** Half of (a), and 2 ms above (a), do not go together. */
function throughput({ cells, machine }: Results): string {
  const [a = 0, limit = 0, upstream = 0] = (['cpuMsPerBundle', 'bundlesPerSecond', 'upstreamCpuMsPerBundle'] as const).map((figure) => medianOf(cells, { system: 'a', callers: 64 }, figure))
  const most = machine.cores * 1_000 / (a + 2 + upstream)
  return `Half the throughput of (a) is more than the second aim allows for: a bundle of (a) costs ${a.toFixed(2)} ms of CPU and ${upstream.toFixed(2)} ms in the TSB's place. With 2 ms more, ${machine.cores} cores have
  room for ${most.toFixed(0)} bundles a second at most, which is ${(most / limit).toFixed(2)} of (a), and the callers want their share too. (a) checks nothing and keeps nothing.`
}

/** What of the profile cannot be left out. */
function cpu({ profile }: Results): string[] {
  if (profile === undefined) return []
  const of = (name: string): number => profile.purposes.find((share) => share.name === name)?.ms ?? 0
  return [`2 ms were estimated before there was a journal, a report, a log and traces, and from single measurements. The profile below has
  ${ms(of('verification'))} ms of verification (the certificates are remembered: what is left is new in every bundle, the CSR with its two readers, the XML, three signatures and the key's numbers),
  ${ms(of('the journal'))} ms for three writes that are on the disk before the step that each is about, ${ms(of('report, manifest and zip'))} ms for report, manifest and zip, ${ms(of('calls to the TSB'))} ms for calls that time out and can be called off, one of them
  on a connection of its own so that "nothing was sent" can be told, and ${ms(of('log, metrics and spans'))} ms for log, metrics and spans. The first two alone are ${ms(of('verification') + of('the journal'))} ms. They are the service's promises,
  and an HSM can take seconds for one RSA-4096 key.`]
}

const MEMORY = `Memory: the live heap is about 60 MB, and as much again is Node itself and the code of the packages. The rest is garbage that V8 has not collected yet. Told to collect sooner
  (\`--max-semi-space-size\`, \`--heap-growing-percent\`) it took half as much, and a fifth more CPU for each bundle. A container's limit does the same, where it is needed: tried by hand with 250 MiB in place
  of a pod's 384, the service had 235 MB with 256 in flight, made as many bundles, and was not killed.`

/** (d) spreads its programs over all cores. */
function byHand({ profile }: Results): string {
  const total = profile === undefined ? undefined : totalMs(profile.purposes)
  const most = total === undefined ? '' : `, which at ${ms(total)} ms a bundle can make ${(1_000 / total).toFixed(0)} a second at most, while the callers, the TSB's place and PostgreSQL want their share of the cores`
  return `Five times (d): the service works on one thread${most}. The scripts of (d) have all cores. Several replicas on one PostgreSQL would have them too.`
}

function slowTsb({ delays }: Results): string {
  const most = { callers: 256, delayMs: 2_000 }
  const [rate = 0, cpuMs = 0] = [medianOf(delays, { system: 'a', ...most }, 'bundlesPerSecond'), medianOf(delays, { system: 'b', ...most }, 'cpuMsPerBundle')]
  return `p99 with a TSB that takes 2,000 ms: 256 callers at once ask for ${rate.toFixed(0)} bundles a second, and at ${ms(cpuMs)} ms each (SQLite) that is ${(rate * cpuMs / 1_000).toFixed(2)} of a core for a service that works on one thread,
  so requests wait for each other. With 16 callers${atSixteen(delays)} the three writes and the work itself, are added to the median; what is more at p99 happens beside it on the same cores.`
}

/** What the median has above that of (a), with SQLite. */
function atSixteen(delays: Results['delays']): string {
  const at = { callers: 16, delayMs: 2_000 }
  const added = compared(delays, { system: 'b', ...at }, { system: 'a', ...at }, 'p50Ms', difference)
  return added === undefined ? '' : ` ${ms(added)} ms,`
}
