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
}

/**
 * Finds a server's programs, and installs Debian's package where they are missing and that is possible: it needs root and `apt-get`.
 * @throws Error that says why they can't be had
 */
export async function getPrograms({ path = process.env['PATH'] ?? '', root = '/', isRoot = process.getuid?.() === 0 }: Machine = {}): Promise<Programs> {
  const found = findPrograms(path, root)
  if (found !== undefined) return found
  if (!path.split(delimiter).some((folder) => isProgram(join(folder, 'apt-get')))) throw new Error('no initdb and postgres are on this machine, nor an apt-get')
  if (!isRoot) throw new Error("no initdb and postgres are on this machine, and only root may install Debian's package postgresql")
  const installer = fileURLToPath(new URL('./install-postgresql', import.meta.url))
  const [code] = await once(spawn('/bin/sh', [installer, root === '/' ? '' : root], { env: { ...process.env, PATH: path }, stdio: ['ignore', 'inherit', 'inherit'] }), 'exit')
  const installed = findPrograms(path, root)
  if (installed === undefined) throw new Error(`Debian's package postgresql was not installed: apt-get ended with ${code}`)
  return installed
}
