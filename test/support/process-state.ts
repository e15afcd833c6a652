import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/**
 * The state of a process in one letter, as `ps` gives it: `T` is stopped, `Z` has ended and waits for its parent.
 * @returns undefined where there is none
 */
export function processState(pid: number): string | undefined {
  if (process.platform !== 'linux') return /\S/.exec(spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout)?.[0]
  return stateIn(`/proc/${pid}/stat`)
}

/** Whether every thread stands still: the first one may be stopped while another still runs for a moment. */
export function isStopped(pid: number): boolean {
  if (process.platform !== 'linux') return processState(pid) === 'T'
  try {
    return readdirSync(`/proc/${pid}/task`).every((thread) => stateIn(`/proc/${pid}/task/${thread}/stat`) === 'T')
  } catch {
    return false
  }
}

function stateIn(file: string): string | undefined {
  try {
    // proc(5): "pid (name) state …"; the name may hold anything, brackets and spaces too.
    return /.*\) (\w)/s.exec(readFileSync(file, 'utf8'))?.[1]
  } catch {
    return undefined
  }
}
