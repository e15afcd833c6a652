import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Paths of the two programs that make and run a server. */
export interface Programs {
  readonly initdb: string
  readonly postgres: string
}

/**
 * Finds a server's programs: in the search path, else the highest version where Debian puts them, which is outside of it.
 * @param path the search path
 * @param root the root of the file system
 */
export function findPrograms(path = process.env['PATH'] ?? '', root = '/'): Programs | undefined {
  const folders = [...path.split(delimiter).filter((folder) => folder !== ''), ...debianFolders(join(root, 'usr/lib/postgresql'))]
  return folders.map((folder) => ({ initdb: join(folder, 'initdb'), postgres: join(folder, 'postgres') }))
    .find(({ initdb, postgres }) => isProgram(initdb) && isProgram(postgres))
}

function debianFolders(home: string): string[] {
  try {
    return readdirSync(home).sort((one, other) => Number(other) - Number(one)).map((version) => join(home, version, 'bin'))
  } catch {
    return []
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Where to look and who asks; only a test gives other than the process's own. */
export interface Machine {
  readonly path?: string
  readonly root?: string
  readonly isRoot?: boolean
  /** Where the installer's words go. */
  readonly output?: 'inherit' | 'ignore'
}

/**
 * Finds a server's programs, and installs Debian's package where they are missing and that is possible: it needs root and `apt-get`.
 * @throws Error that says why they can't be had
 */
export async function getPrograms(machine: Machine = {}): Promise<Programs> {
  const { path = process.env['PATH'] ?? '', root = '/', isRoot = process.getuid?.() === 0, output = 'inherit' } = machine
  const found = findPrograms(path, root)
  if (found !== undefined) return found
  const hasApt = path.split(delimiter).some((folder) => isProgram(join(folder, 'apt-get')))
  if (!hasApt) throw new Error('no initdb and postgres are on this machine, nor an apt-get')
  if (!isRoot) throw new Error("no initdb and postgres are on this machine, and only root may install Debian's package postgresql")
  const installer = fileURLToPath(new URL('./install-postgresql', import.meta.url))
  const env = { ...process.env, PATH: path }
  const child = spawn('/bin/sh', [installer, root === '/' ? '' : root], { env, stdio: ['ignore', output, output] })
  const [code] = await once(child, 'exit') as [number | null]
  const installed = findPrograms(path, root)
  if (installed === undefined) throw new Error(`Debian's package postgresql was not installed: apt-get ended with ${code}`)
  return installed
}
