import { readFile, stat } from 'node:fs/promises'
import { parseArgs, styleText } from 'node:util'
import { looksLikeZip, LIMITS } from '../evidence/archive.ts'
import { kindOfZip } from '../evidence/bundle-manifest.ts'
import type { EvidenceReport, TrustAnchor } from '../evidence/evidence.ts'
import { clean, utf8 } from '../evidence/text.ts'
import { builtInTrustAnchors, parseTrustAnchors } from '../evidence/trust-anchors.ts'
import { verifyBundle, verifyEvidence } from '../evidence/verify-evidence.ts'
import { showChecks, wantsColour } from './show-checks.ts'

const USAGE = 'usage: npm run verify -- FILE.zip [--csr FILE] [--trust-anchors FILE] [--json]'

/** 0 passed, 1 refused, 2 nothing to judge: a caller must be able to tell bad evidence from a wrong file name. */
export interface CommandResult {
  readonly exitCode: 0 | 1 | 2
  /** All that goes to standard output. With `--json` exactly one JSON document, whatever happened. */
  readonly output: string
}

/** There is nothing to judge: wrong arguments, or files that are not what they should be. The message is for the person at the terminal. */
class Unusable extends Error {}

/**
 * Verifies a bundle of this service, or the TSB's own export with a CSR file, without any network.
 * @param args as on the command line, without node and script
 * @param options `now`: the time at which certificates must be valid; `colour`: whether the output may have terminal colours
 */
export async function runVerify(args: readonly string[], options: { readonly now: Date; readonly colour: boolean }): Promise<CommandResult> {
  const json = args.includes('--json')
  try {
    const report = await verifyFiles(readArguments(args), options.now)
    const output = json ? `${JSON.stringify(report, null, 2)}\n` : describeReport(report, options.colour)
    return { exitCode: report.verdict === 'passed' ? 0 : 1, output }
  } catch (error) {
    const detail = error instanceof Unusable ? error.message : `This could not be verified: ${clean(String(error))}`
    const output = json ? `${JSON.stringify({ verdict: 'unusable', detail }, null, 2)}\n` : `UNUSABLE  ${detail}\n`
    return { exitCode: 2, output }
  }
}

interface Arguments { readonly zip: string; readonly csr?: string | undefined; readonly anchors?: string | undefined }

function readArguments(args: readonly string[]): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { csr: { type: 'string' }, 'trust-anchors': { type: 'string' }, json: { type: 'boolean' } },
      allowPositionals: true,
    })
    if (positionals.length === 1) return { zip: positionals[0]!, csr: values.csr, anchors: values['trust-anchors'] }
  } catch {
    // An unknown option: the usage says which there are.
  }
  throw new Unusable(USAGE)
}

async function verifyFiles({ zip, csr, anchors }: Arguments, verifiedAt: Date): Promise<EvidenceReport> {
  const trustAnchors = anchors === undefined ? builtInTrustAnchors() : readAnchors(anchors, await readText(anchors))
  const attestationExport = await readBytes(zip)
  if (!looksLikeZip(attestationExport)) throw new Unusable(`${clean(zip)} is not a zip.`)
  const kind = await kindOfZip(attestationExport)
  const input = { attestationExport, trustAnchors, verifiedAt }
  if (csr === undefined) {
    if (kind === 'export') throw new Unusable(`${clean(zip)} has no CSR in it: give the CSR of the same key with --csr FILE.`)
    return (await verifyBundle(input)).report
  }
  if (kind === 'bundle') throw new Unusable(`${clean(zip)} is a bundle and brings its own CSR: leave --csr out.`)
  return (await verifyEvidence({ ...input, csr: await readText(csr) })).report
}

function readAnchors(path: string, pem: string): TrustAnchor[] {
  try {
    return parseTrustAnchors(pem, { builtIn: false })
  } catch (error) {
    throw new Unusable(`${clean(path)}: ${error instanceof Error ? error.message : 'no trust anchors'}`)
  }
}

async function readText(path: string): Promise<string> {
  const text = utf8(await readBytes(path))
  if (text === undefined) throw new Unusable(`${clean(path)} is not text.`)
  return text
}

async function readBytes(path: string): Promise<Uint8Array> {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile()) throw new Unusable(`${clean(path)} is not there, or is no file.`)
  if (found.size > LIMITS.archiveBytes) throw new Unusable(`${clean(path)} is larger than ${LIMITS.archiveBytes} bytes.`)
  return readFile(path).catch(() => {
    throw new Unusable(`${clean(path)} cannot be read.`)
  })
}

function describeReport({ verdict, checks, facts, verifiedAt }: EvidenceReport, colour: boolean): string {
  const paint = (style: 'green' | 'red' | 'bold', text: string): string => colour ? styleText(style, text, { validateStream: false }) : text
  const title = verdict === 'passed' ? paint('green', 'PASSED') : paint('red', 'REFUSED')
  const about = [facts.label, facts.keyKind, facts.hsmSerial && `HSM ${facts.hsmSerial}`].filter(Boolean).join(', ')
  return [
    `${title}  ${paint('bold', about || 'nothing could be read')}`,
    '',
    showChecks(checks, colour),
    '',
    `Verified at ${verifiedAt}. The evidence does not say which firmware the HSM runs, nor anything of FIPS or Common Criteria mode or QSCD status.`,
    '',
  ].join('\n')
}

if (import.meta.main) {
  const { exitCode, output } = await runVerify(process.argv.slice(2), { now: new Date(), colour: wantsColour(process.stdout) })
  process.stdout.write(output)
  process.exitCode = exitCode
}
