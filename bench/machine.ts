import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem, type } from 'node:os'

/** The machine, without anything that names it. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly kernel: string
  readonly node: string
  readonly openssl: string
  readonly nodeOpenssl: string
  readonly sqlite: string
  readonly postgresql?: string
  readonly revision: string
}

export const describeMachine = (postgresql?: string): Machine => ({
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cores: cpus().length,
  memoryGb: Math.round(totalmem() / 1e9),
  kernel: `${type()} ${release()}`,
  node: process.versions.node,
  openssl: said('openssl', 'version').split(' ').slice(0, 2).join(' '),
  nodeOpenssl: process.versions.openssl,
  sqlite: process.versions['sqlite'] ?? 'unknown',
  ...(postgresql !== undefined && { postgresql }),
  revision: `${said('git', 'rev-parse', '--short', 'HEAD')}${said('git', 'status', '--porcelain', '--', 'src') === '' ? '' : ', with changes in src'}`,
})

function said(program: string, ...words: readonly string[]): string {
  try {
    return execFileSync(program, words, { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return 'unknown'
  }
}

/** How busy the machine was with other things just before: the load of the last minute. */
export const loadBefore = (): number => Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0])
