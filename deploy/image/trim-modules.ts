import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

// Run in the image's build: takes out of node_modules what no running service reads. `node trim-modules.ts node_modules`

/** Node refuses TypeScript below node_modules, reads source maps only when asked to, and never Markdown. */
const FILES = /\.([cm]?ts|map|md|markdown)$/i
/** What a licence asks to be passed on with the code stays, however it is called. */
const LICENCES = /licen[cs]e|notice|copying|copyright|authors/i
/** Only where they stand beside a package.json: further down such a name may be part of the code. */
const FOLDERS = new Set(['test', 'tests', 'docs', 'doc', 'benchmark', 'benchmarks', 'example', 'examples', '.github'])

interface Removed { files: number; bytes: number }

/**
 * Removes what production never loads.
 * @param folder a `node_modules`, or any folder below it
 * @param removed is added to
 * @returns how many files and bytes are gone
 */
export function trim(folder: string, removed: Removed = { files: 0, bytes: 0 }): Removed {
  const entries = readdirSync(folder, { withFileTypes: true })
  const isPackage = entries.some(({ name }) => name === 'package.json') && 'name' in JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      if (isPackage && FOLDERS.has(entry.name)) remove(path, removed)
      else trim(path, removed)
    } else if (FILES.test(entry.name) && !LICENCES.test(entry.name)) remove(path, removed)
  }
  return removed
}

function remove(path: string, removed: Removed): void {
  if (statSync(path).isDirectory()) {
    for (const name of readdirSync(path)) remove(join(path, name), removed)
    rmSync(path, { recursive: true })
    return
  }
  removed.files += 1
  removed.bytes += statSync(path).size
  rmSync(path)
}

const [folder] = process.argv.slice(2)
if (import.meta.main && folder !== undefined) {
  const { files, bytes } = trim(folder)
  process.stdout.write(`${files} files of ${(bytes / 1e6).toFixed(1)} MB that production never loads were removed\n`)
}
