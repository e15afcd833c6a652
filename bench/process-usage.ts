import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

/** What /proc counts CPU time in, whatever the kernel's own clock: USER_HZ, which is 100 on every platform that Node has a build for (time(7)). */
const TICK_MS = 10

/** The fields of /proc/PID/stat behind the process's name (proc_pid_stat(5)): the first one here is the third there. */
function statOf(pid: number): readonly number[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ').map(Number)
}
const field = (stat: readonly number[], number: number): number => stat[number - 3] ?? 0

/** CPU time that a process has had, user and system, in milliseconds. */
export function cpuMs(pid: number): number {
  const stat = statOf(pid)
  return (field(stat, 14) + field(stat, 15)) * TICK_MS
}

/** CPU time of all children of a process that have ended and were waited for, and of theirs. */
export function endedChildrenCpuMs(pid: number): number {
  const stat = statOf(pid)
  return (field(stat, 16) + field(stat, 17)) * TICK_MS
}

/** CPU time of a process and of all its children, those that live and those that have ended. */
export function familyCpuMs(pid: number): number {
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number)
  return cpuMs(pid) + endedChildrenCpuMs(pid) + children.reduce((sum, child) => sum + cpuOfChild(child, pid), 0)
}

function cpuOfChild(child: number, parent: number): number {
  try {
    return parentOf(child) === parent ? cpuMs(child) : 0
  } catch {
    return 0 // it ended in between
  }
}

export const parentOf = (pid: number): number => field(statOf(pid), 4)

export interface Memory {
  readonly residentMb: number
  /** The most since `resetPeak`. */
  readonly peakMb: number
}

/** Resident memory of a process, in megabytes of 10^6 bytes. */
export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const megabytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1.024 / 1_000
  return { residentMb: megabytes('VmRSS'), peakMb: megabytes('VmHWM') }
}

/** Has the kernel forget the most memory that a process had (proc_pid_clear_refs(5)). */
export const resetPeak = (pid: number): void => { writeFileSync(`/proc/${pid}/clear_refs`, '5') }

/** How many files, sockets and the like a process holds open. */
export const openHandles = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length
