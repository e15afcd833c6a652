import { createHash } from 'node:crypto'
import { readArchive } from './archive.ts'
import type { ArchiveFile } from './archive.ts'
import { check, failed, passed } from './check.ts'
import { clean, utf8 } from './text.ts'

const MANIFEST = 'manifest.json'

/**
 * Tells a bundle of this service from the TSB's own export, which has neither a manifest nor a CSR. A bundle that lost its manifest still
 * counts as one, so that taking the manifest out does not change what is checked.
 * @param zip any bytes
 * @returns `unreadable` where the zip is refused; verification says why
 */
export async function kindOfZip(zip: Uint8Array): Promise<'bundle' | 'export' | 'unreadable'> {
  const archive = await readArchive(zip)
  if ('refused' in archive) return 'unreadable'
  return archive.files.some(({ name }) => name === MANIFEST || name.toLowerCase().endsWith('.csr')) ? 'bundle' : 'export'
}

/** The manifest protects against accidents on the way, not against a forger, who would write a new one. */
export const bundleManifest = check('bundle.manifest', ['archive'], ({ archive }) => {
  const file = archive.find(({ name }) => name === MANIFEST)
  const entries = file && readManifest(file)
  if (!entries) return failed(`Expected a ${MANIFEST} that lists name, size and SHA-256 of each file; it is missing or says something else.`)
  const others = archive.filter((each) => each !== file)
  const changed = others.filter(({ name, bytes }) => {
    const entry = entries.find((each) => each.name === name)
    return entry && (entry.size !== bytes.length || entry.sha256 !== createHash('sha256').update(bytes).digest('hex'))
  })
  const unlisted = others.filter(({ name }) => !entries.some((each) => each.name === name))
  const missing = entries.filter((entry) => !others.some(({ name }) => name === entry.name))
  const problems = [...list('changed', changed), ...list('not listed', unlisted), ...list('missing', missing)]
  if (problems.length > 0) return failed(`Expected exactly the files that ${MANIFEST} lists; ${problems.join('; ')}.`)
  return passed(`All ${others.length} files are as ${MANIFEST} lists them.`)
})

interface Entry { readonly name: string; readonly size: number; readonly sha256: string }

function readManifest(file: ArchiveFile): readonly Entry[] | undefined {
  const manifest = parseJson(utf8(file.bytes) ?? '')
  const files = isObject(manifest) ? manifest['files'] : undefined
  if (!Array.isArray(files) || !files.every(isEntry)) return undefined
  return new Set(files.map(({ name }) => name)).size === files.length ? files : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isEntry(value: unknown): value is Entry {
  return isObject(value) && typeof value['name'] === 'string' && Number.isInteger(value['size'])
    && typeof value['sha256'] === 'string' && /^[0-9a-f]{64}$/.test(value['sha256'])
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function list(problem: string, entries: readonly { readonly name: string }[]): string[] {
  return entries.length === 0 ? [] : [`${problem}: ${clean(entries.slice(0, 3).map(({ name }) => name).join(', '))}`]
}
