import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import JSZip from 'jszip'
import { LABEL, makeCase, type Change } from '../evidence/good-case.ts'

export const SCRIPT = new URL('../../src/bundle/verify.sh', import.meta.url).pathname

const home = mkdtempSync(join(tmpdir(), 'verify-script-'))
// Not a hook: it would be that of the first file which loads this one.
process.on('exit', () => { rmSync(home, { recursive: true }) })

export const newFolder = (name = 'bundle-'): string => mkdtempSync(join(home, name))

/** The files of a bundle after one change, whether it would pass or not, by name. */
export async function filesOf(change: Change = {}): Promise<Map<string, Uint8Array>> {
  const { attestationExport, csr } = await makeCase(change)
  const zip = await JSZip.loadAsync(attestationExport)
  const files = new Map<string, Uint8Array>([[`${LABEL}.csr`, Buffer.from(csr)]])
  for (const [name, file] of Object.entries(zip.files)) files.set(name, await file.async('uint8array'))
  return files
}

/** Unpacks files into a new folder. */
export function unpack(files: ReadonlyMap<string, Uint8Array>, folder = newFolder()): string {
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes)
  return folder
}

export interface Outcome {
  readonly code: number | null
  readonly lines: readonly string[]
  /** Lines of this kind, without the word. */
  readonly ok: readonly string[]
  readonly warn: readonly string[]
  readonly fail: readonly string[]
  readonly verdict: string
}

export interface RunOptions {
  readonly shell?: readonly string[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs the published verify.sh, by default with this machine's sh. */
export function runScript(args: readonly string[], { shell = ['sh'], cwd, env }: RunOptions = {}): Outcome {
  const [command, ...before] = shell
  const { status, stdout, stderr } = spawnSync(command!, [...before, SCRIPT, ...args], { encoding: 'utf8', cwd: cwd ?? home, env: { ...process.env, ...env } })
  const lines = (stdout + stderr).split('\n').slice(0, -1)
  const of = (word: string): string[] => lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(6))
  return { code: status, lines, ok: of('ok'), warn: of('warn'), fail: of('FAIL'), verdict: lines.at(-1) ?? '' }
}

/** Writes a file beside the bundles and says where. */
export function put(name: string, bytes: string | Uint8Array): string {
  const path = join(newFolder('file-'), name)
  writeFileSync(path, bytes)
  return path
}
