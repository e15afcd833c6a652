import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { processState } from './process-state.ts'

/** What must not outlive this process. Folders go when all processes have gone. */
export interface Leftover {
  readonly pid?: number
  /** `SIGKILL` by default. */
  readonly signal?: NodeJS.Signals
  readonly folder?: string
}

interface Line extends Leftover {
  readonly id: number
  readonly settled?: true
}

let lines: Socket | undefined
let count = 0

/**
 * Has something ended and removed should this process die before it does so itself: even by SIGKILL, of which no `exit` handler hears.
 * A second process waits for that; it learns of the death because its standard input closes.
 * @returns what to call once nothing is left to do
 */
export function reap(leftover: Leftover): () => void {
  lines ??= startReaper()
  const id = count++
  const tell = (line: Line): void => { lines?.write(`${JSON.stringify(line)}\n`) }
  tell({ id, ...leftover })
  return () => { tell({ id, settled: true }) }
}

function startReaper(): Socket {
  // A session of its own: Ctrl-C ends the tests, and must leave it the time to clean up. Standard error is held open on purpose: whoever
  // waits for all output of the tests waits until nothing is left.
  const reaper = spawn(process.execPath, [fileURLToPath(import.meta.url)], { detached: true, stdio: ['pipe', 'ignore', 'inherit'] })
  reaper.unref()
  const stdin = reaper.stdin as Socket
  stdin.unref()
  return stdin
}

async function waitForTheEnd(): Promise<void> {
  const left = new Map<number, Leftover>()
  const input = createInterface({ input: process.stdin }).on('line', (text) => {
    const line = JSON.parse(text) as Line
    if (line.settled) left.delete(line.id)
    else left.set(line.id, line)
  })
  await once(input, 'close')
  await Promise.all([...left.values()].map(end))
  for (const { folder } of left.values()) if (folder !== undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

/** What does not end within this time is killed. */
const PATIENCE_MS = 5_000

async function end({ pid, signal = 'SIGKILL' }: Leftover): Promise<void> {
  if (pid === undefined) return
  const deadline = Date.now() + PATIENCE_MS
  if (lives(pid)) process.kill(pid, signal)
  // Nobody but a parent is told of a process's end, and this is not the parent.
  while (lives(pid) && Date.now() < deadline) await delay(10)
  if (lives(pid)) process.kill(pid, 'SIGKILL')
}

const lives = (pid: number): boolean => !['Z', undefined].includes(processState(pid))

if (import.meta.main) await waitForTheEnd()
