import { randomUUID } from 'node:crypto'
import { parseArgs, styleText } from 'node:util'
import { ConfigError, readTsbOnlySettings } from '../config.ts'
import { diagnose } from '../doctor/diagnose.ts'
import { KEY_KINDS, type KeyKind } from '../doctor/trial-order.ts'
import { wantsColour } from './show-checks.ts'
import { showDiagnosis, showLeft } from './show-diagnosis.ts'

const USAGE = `usage: npm run doctor -- [--key KIND] [--label-prefix PREFIX] [--json]
       Makes one throw-away bundle with the TSB of the service's settings, takes it back, and says what was found.
       --key KIND             ${Object.keys(KEY_KINDS).join(', ')}; ${Object.keys(KEY_KINDS)[0]}
       --label-prefix PREFIX  letters, digits and hyphens; doctor
       Only TSB_*, TRUST_ANCHORS_FILE, CLOCK_SKEW_SECONDS, TRANSACTION_TIMEOUT_MS and SETTLE_AFTER_MS are read.`

export interface DoctorResult {
  /** 0 a bundle would work, 1 it would not, or that was not found out, 2 wrong words, 78 wrong settings. */
  readonly exitCode: 0 | 1 | 2 | 78
  /** Standard output: with `--json` exactly one document, whatever happened. */
  readonly output: string
}

export interface DoctorOptions {
  /** The service's settings, by default the process's environment. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Whether the output may have terminal colours. */
  readonly colour: boolean
  /** Aborted where the operator wants it to end: it takes back what it did first. */
  readonly interrupted: AbortSignal
  /** Progress, a line each. */
  say(line: string): void
  /** The label of the key, before anything is sent. */
  labelled?(label: string): void
  now?(): Date
}

/**
 * The operator's look at a TSB: would a bundle work?
 * @param args as on the command line, without node and script
 */
export async function runDoctor(args: readonly string[], options: DoctorOptions): Promise<DoctorResult> {
  const json = args.includes('--json')
  const result = (exitCode: DoctorResult['exitCode'], value: unknown, text: string): DoctorResult =>
    ({ exitCode, output: json ? `${JSON.stringify(value, null, 2)}\n` : `${text}\n` })
  const words = readArguments(args)
  if (words === undefined) return result(2, { error: USAGE }, USAGE)
  try {
    const { say, interrupted, now = () => new Date() } = options
    const id = randomUUID()
    options.labelled?.(`${words.labelPrefix}-${id}`)
    const diagnosis = await diagnose(readTsbOnlySettings(options.env), { ...words, id, interrupted, now, say })
    if (diagnosis.left !== undefined) say(showLeft(diagnosis.left))
    return result(diagnosis.verdict === 'works' ? 0 : 1, diagnosis, showDiagnosis(diagnosis, options.colour))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return result(78, { error: error.faults }, error.faults.join('\n'))
  }
}

function readArguments(args: readonly string[]): { readonly keyKind: KeyKind; readonly labelPrefix: string } | undefined {
  try {
    const { values } = parseArgs({
      args: [...args], options: { key: { type: 'string', default: 'rsa-4096' }, 'label-prefix': { type: 'string', default: 'doctor' }, json: { type: 'boolean' } },
    })
    const { key, 'label-prefix': labelPrefix } = values
    if (isKeyKind(key) && /^[A-Za-z0-9][A-Za-z0-9-]{0,89}$/.test(labelPrefix)) return { keyKind: key, labelPrefix }
  } catch {
    // An unknown option: the usage says which there are.
  }
  return undefined
}

const isKeyKind = (key: string): key is KeyKind => Object.hasOwn(KEY_KINDS, key)

/** Progress goes to standard error, so that `--json` stays one document. Whoever reads it may go away; the key must be deleted all the same. */
function openProgress(): (line: string) => void {
  process.stderr.on('error', () => undefined)
  const mark = wantsColour(process.stderr) ? styleText('bold', '›', { validateStream: false }) : '›'
  return (line) => { process.stderr.write(`${mark} ${line}\n`) }
}

/** npm passes Ctrl-C on that the terminal has sent already: what follows so soon is the same one. */
const SAME_SIGNAL_MS = 1_000

if (import.meta.main) {
  const interruption = new AbortController()
  const say = openProgress()
  let label = ''
  let interruptedAt = 0
  process.stdout.on('error', () => undefined)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (interruption.signal.aborted) {
        if (performance.now() - interruptedAt < SAME_SIGNAL_MS) return
        say(showLeft({ label, reason: 'it was given up' }))
        process.exit(1)
      }
      say(`${signal}: taking back what was done. Once more gives up, and leaves what is there`)
      interruptedAt = performance.now()
      interruption.abort()
    })
  }
  const { exitCode, output } = await runDoctor(process.argv.slice(2), {
    colour: wantsColour(process.stdout), interrupted: interruption.signal, say, labelled: (own) => { label = own },
  })
  process.stdout.write(output)
  process.exitCode = exitCode
}
