import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { promisify } from 'node:util'
import JSZip from 'jszip'
import { pki } from '../evidence/good-case.ts'
import { unescape } from './report-content.ts'

/** @returns a folder with these files, until the tests of the file are over */
export function temporaryFolder(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'report-'))
  after(() => rmSync(folder, { recursive: true }))
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes)
  return folder
}

/**
 * Runs what stands in the page's command boxes, in the unpacked bundle, with the simulator's root as the reader's.
 * @param changed files that replace those of the bundle
 * @returns standard output and error; rejects where a command failed
 */
export async function runCommands(page: string, bundle: Uint8Array, changed: Readonly<Record<string, string | Uint8Array>> = {}): Promise<string> {
  const { files } = await JSZip.loadAsync(bundle)
  const unpacked = await Promise.all(Object.values(files).map(async (file) => [file.name, await file.async('uint8array')] as const))
  const cwd = temporaryFolder({ ...Object.fromEntries(unpacked), 'hsm_rsa_root.crt': pki.root.pem, ...changed })
  const commands = [...page.matchAll(/<pre[^>]*>([^]*?)<\/pre>/g)].map((match) => unescape(match[1]!.replace(/<[^>]*>/g, ''))).join('')
  const { stdout, stderr } = await promisify(execFile)('bash', ['-e', '-o', 'pipefail', '-c', commands], { cwd })
  return stdout + stderr
}
