import { parseArgs, styleText } from 'node:util'
import { ConfigError, readSettings, type Settings } from '../config.ts'
import { ProblemError } from '../errors.ts'
import { clean } from '../evidence/text.ts'
import type { Journal, Transaction } from '../journal/journal.ts'
import { openJournal } from '../journal/open-journal.ts'
import { openSecret } from '../journal/secrets.ts'
import { settleByHand } from '../transaction/settle-by-hand.ts'
import { openTsb } from '../tsb/tsb.ts'
import { wantsColour } from './show-checks.ts'

const USAGE = `usage: npm run journal -- list [--all]      what is unfinished or abandoned; --all: every transaction
       npm run journal -- show ID           one transaction
       npm run journal -- settle ID         try once more to delete the key of an owed or abandoned one
       npm run journal -- forget ID         write it off: its key is left as it is, its password is wiped
       each with --json; the settings are the service's`

const LISTED = 1_000

export interface JournalCommandResult {
  /** 0 done, 1 not done (still owed, abandoned, or there is no such thing), 2 wrong words, 75 no journal, 78 wrong settings. */
  readonly exitCode: 0 | 1 | 2 | 75 | 78
  /** Standard output: with `--json` exactly one document, whatever happened. */
  readonly output: string
}

/** What a command did, before it is put into words. */
interface Done {
  readonly ok: boolean
  readonly value: unknown
  readonly text: string
}

/**
 * The operator's view of the journal, beside a running service or without one.
 * @param args as on the command line, without node and script
 * @param options `env`: the service's settings, by default the process's environment; `colour`: whether the output may have terminal colours
 */
export async function runJournal(args: readonly string[], options: { readonly env?: Readonly<Record<string, string | undefined>>; readonly colour: boolean }): Promise<JournalCommandResult> {
  const json = args.includes('--json')
  const result = (exitCode: JournalCommandResult['exitCode'], value: unknown, text: string): JournalCommandResult =>
    ({ exitCode, output: json ? `${JSON.stringify(value, null, 2)}\n` : `${text}\n` })
  const command = readArguments(args)
  if (command === undefined) return result(2, { error: USAGE }, USAGE)
  try {
    const settings = readSettings(options.env)
    const journal = await openJournal({
      url: settings.journal.url, tsb: settings.tsb.id, leaseMs: settings.journal.leaseMs, retentionMs: settings.journal.retentionDays * 86_400_000, exclusive: false,
    })
    try {
      const { ok, value, text } = await run(command, journal, settings, options.colour)
      return result(ok ? 0 : 1, value, text)
    } finally {
      await journal.close()
    }
  } catch (error) {
    if (error instanceof ConfigError) return result(78, { error: error.faults }, error.faults.join('\n'))
    const detail = error instanceof ProblemError ? error.detail : clean(String(error))
    return result(75, { error: detail }, detail)
  }
}

type Command = { readonly name: 'list'; readonly all: boolean } | { readonly name: 'show' | 'settle' | 'forget'; readonly id: string }

function readArguments(args: readonly string[]): Command | undefined {
  try {
    const { values, positionals: [name, id, ...more] } = parseArgs({ args: [...args], options: { all: { type: 'boolean' }, json: { type: 'boolean' } }, allowPositionals: true })
    if (more.length > 0) return undefined
    if (name === 'list' && id === undefined) return { name, all: values.all ?? false }
    if ((name === 'show' || name === 'settle' || name === 'forget') && id !== undefined && values.all === undefined) return { name, id: id.toLowerCase() }
  } catch {
    // An unknown option: the usage says which there are.
  }
  return undefined
}

async function run(command: Command, journal: Journal, settings: Settings, colour: boolean): Promise<Done> {
  if (command.name === 'list') return list(await journal.listAll({ open: !command.all, limit: LISTED }), command.all, colour)
  const { id } = command
  const unknown: Done = { ok: false, value: { error: 'there is no such transaction' }, text: `There is no transaction ${clean(id)}.` }
  if (command.name === 'show') {
    const found = await journal.findAny(id)
    return found === undefined ? unknown : { ok: true, value: plain(found), text: show(found) }
  }
  if (command.name === 'forget') {
    const done = await journal.writeOff(id, 'written off by an operator')
    if (done) return { ok: true, value: { id, outcome: 'written-off' }, text: 'Written off. If its key is still at the HSM, it stays there.' }
    return await journal.findAny(id) === undefined ? unknown : { ok: false, value: { id, outcome: 'not-done' }, text: 'Nothing is owed for it, or a process is at work on it.' }
  }
  const tsb = openTsb(settings.tsb, 1)
  try {
    const settled = await settleByHand(journal, id, {
      tsb, settings: { ...settings.transaction, leaseMs: settings.journal.leaseMs }, now: Date.now,
      openPassword(row, secret) {
        const password = openSecret(settings.journal.encryptionKeys, row, secret)
        return password === 'no-key' ? undefined : password
      },
    })
    if (settled === undefined) return unknown
    const { outcome, reason } = settled
    const why = reason === undefined ? '' : `: ${clean(reason)}`
    const text = { 'rolled-back': 'Settled: no key of this transaction is left.', 'rollback-owed': `Still owed${why}.`, abandoned: `Left alone${why}.`, 'not-tried': `Not tried${why}.` }[outcome]
    return { ok: outcome === 'rolled-back', value: { id, ...settled }, text }
  } finally {
    await tsb.close()
  }
}

/** Without the bundle's bytes and the report: both are the callers' to fetch. */
const plain = ({ bundle, report, idempotency, ...row }: Transaction): Record<string, unknown> => ({
  ...row,
  ...(idempotency && { idempotencyKey: idempotency.key }),
  ...(bundle && { bundle: { fileName: bundle.fileName, size: bundle.size, sha256: bundle.sha256 } }),
  ...(report && { verdict: report.verdict }),
})

function list(rows: readonly Transaction[], all: boolean, colour: boolean): Done {
  const value = rows.map(plain)
  if (rows.length === 0) return { ok: true, value, text: all ? 'The journal is empty.' : 'Nothing is owed, nothing is abandoned, nothing runs.' }
  const width = Math.max(...rows.map(({ label }) => clean(label).length))
  const paint = (state: string): string => {
    const padded = state.padEnd(13)
    return colour && state === 'abandoned' ? styleText('red', padded, { validateStream: false }) : colour && state === 'rollback-owed' ? styleText('yellow', padded, { validateStream: false }) : padded
  }
  return { ok: true, value, text: rows.map((row) => `${row.id}  ${paint(row.state)}  ${row.createdAt.toISOString()}  ${clean(row.label).padEnd(width)}  ${clean(row.reason ?? '')}`.trimEnd()).join('\n') }
}

function show(row: Transaction): string {
  const lines = Object.entries(plain(row)).map(([name, value]): [string, string] =>
    [name, value instanceof Date ? value.toISOString() : typeof value === 'object' ? JSON.stringify(value) : String(value)])
  return lines.map(([name, value]) => `${name.padEnd(15)} ${clean(value)}`).join('\n')
}

if (import.meta.main) {
  const { exitCode, output } = await runJournal(process.argv.slice(2), { colour: wantsColour(process.stdout) })
  process.stdout.write(output)
  process.exitCode = exitCode
}
