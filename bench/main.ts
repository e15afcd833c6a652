import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { wantsColour } from '../src/commands/show-checks.ts'
import { aimsOf } from './aims.ts'
import { measure, type Results } from './measure.ts'
import { FULL, plannedMs, QUICK, type Plan } from './plan.ts'
import { PROFILE_MS, profile, profileText } from './profile.ts'
import { openProgress } from './progress.ts'
import { reportOf } from './report.ts'
import { SYSTEMS, type SystemId } from './systems.ts'
import { startUpstream } from './workers.ts'

/** `npm run bench`: measures what a bundle costs, and writes docs/performance.md with its plots. */
const USAGE = `Measures what a bundle costs, and writes docs/performance.md with its plots. Needs Linux, takes about 25 minutes; PostgreSQL is installed where it is missing.

npm run bench -- [options]
  --quick              about a minute: orders of magnitude; writes nothing unless --out says where
  --soak-minutes N     how long the last part takes; 10, or 0 with --quick. 0 leaves it out
  --systems a,b,c,d    only these: three bare calls, SQLite, PostgreSQL, by hand; (a) is always among them
  --out FOLDER         where performance.md and performance/ are written; docs
  --json               print the results as one JSON document
  --from FILE          measure nothing: write the report of an earlier run's JSON
  --profile            measure nothing: say where the service's CPU time goes, at 64 callers
  --help
`

function readArguments() {
  return parseArgs({
    options: {
      quick: { type: 'boolean', default: false }, 'soak-minutes': { type: 'string' }, systems: { type: 'string' }, out: { type: 'string' },
      json: { type: 'boolean', default: false }, from: { type: 'string' }, profile: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
    },
  }).values
}
type Words = ReturnType<typeof readArguments>

async function main(): Promise<string> {
  const words = readArguments()
  if (words.help) return USAGE
  if (words.profile) return profileOnly()
  const results = words.from === undefined ? await run(readPlan(words)) : JSON.parse(await readFile(words.from, 'utf8')) as Results
  const out = words.out ?? (words.quick ? undefined : 'docs')
  if (out !== undefined) await write(results, out)
  return words.json ? `${JSON.stringify(results, null, 2)}\n` : summary(results)
}

async function profileOnly(): Promise<string> {
  process.stderr.write(`› about ${Math.round(PROFILE_MS / 1_000) + 10} s\n`)
  const home = await mkdtemp(join(tmpdir(), 'bench-'))
  const upstream = await startUpstream('vendor')
  try {
    return `${profileText(await profile(upstream, home))}\n`
  } finally {
    await upstream.stop()
    await rm(home, { recursive: true, force: true })
  }
}

function readPlan(words: Words): Plan {
  const plan = words.quick ? QUICK : FULL
  const minutes = Number(words['soak-minutes'] ?? plan.soakSeconds / 60)
  if (!Number.isFinite(minutes) || minutes < 0) throw new Error('--soak-minutes must be a number.')
  const systems = words.systems === undefined ? plan.systems : (['a', ...words.systems.split(',')] as string[]).filter((system, index, all) => all.indexOf(system) === index)
  if (!systems.every((system): system is SystemId => system in SYSTEMS)) throw new Error('--systems must be some of a,b,c,d.')
  return { ...plan, systems, soakSeconds: minutes * 60 }
}

async function run(plan: Plan): Promise<Results> {
  const progress = openProgress(process.stderr, plannedMs(plan), wantsColour(process.stderr))
  const results = await measure(plan, progress)
  progress.done()
  return results
}

async function write(results: Results, folder: string): Promise<void> {
  for (const [path, content] of reportOf(results)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
  process.stderr.write(`› ${join(folder, 'performance.md')} is written\n`)
}

function summary(results: Results): string {
  const lines = aimsOf(results).map(({ aim, system, measured, met }) => `${met ? '✓' : '✗'} ${SYSTEMS[system].padEnd(20)} ${measured.padStart(16)}   ${aim}`)
  return `${lines.join('\n')}\n`
}

try {
  process.stdout.write(await main())
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
