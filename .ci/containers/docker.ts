import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** The project's folder. */
export const root = fileURLToPath(new URL('../../', import.meta.url))
const PATIENCE_MS = 60_000

/** Runs the docker client in the project's folder. @returns its standard output. @throws Error with its words where it fails */
export async function docker(...words: readonly string[]): Promise<string> {
  return command('docker', words)
}

/** Runs any program in the project's folder. */
export async function command(program: string, words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { stdout } = await run(program, words, { cwd: root, env: { ...process.env, ...env }, maxBuffer: 16 * 1024 * 1024 })
  return stdout.trim()
}

/** Waits for a line of a container's log; resolves at once where it was written already. @param times how many lines it takes */
export async function logged(container: string, wanted: RegExp, times = 1): Promise<void> {
  const seen: string[] = []
  let missing = times
  await lines('docker', ['logs', '-f', container], (line) => {
    seen.push(line)
    if (wanted.test(line)) missing -= 1
    return missing === 0
  }, () => `${container} did not write ${String(wanted)}:\n${seen.slice(-20).join('\n')}`)
}

/** Waits until Docker holds a container for healthy. @returns milliseconds from its start to the end of the health check that passed */
export async function healthy(container: string): Promise<number> {
  const state = async (): Promise<State> => JSON.parse(await docker('inspect', '-f', '{{json .State}}', container)) as State
  const passed = ({ Health }: State): boolean => Health.Status === 'healthy'
  const events = ['events', '--since', '10m', '--filter', `container=${container}`, '--filter', 'event=health_status', '--filter', 'event=die', '--format', '{{.Status}}']
  if (!passed(await state())) {
    let dead = false
    await lines('docker', events, (line) => {
      dead = line === 'die'
      return dead || line === 'health_status: healthy'
    }, () => `${container} did not become healthy`)
    if (dead) throw new Error(`${container} ended:\n${await docker('logs', container)}`)
  }
  const { StartedAt, Health } = await state()
  const first = Health.Log.find(({ ExitCode }) => ExitCode === 0)
  if (first === undefined) throw new Error(`${container} has no health check that passed`)
  return new Date(first.End).getTime() - new Date(StartedAt).getTime()
}

interface State {
  readonly StartedAt: string
  readonly Health: { readonly Status: string; readonly Log: readonly { readonly End: string; readonly ExitCode: number }[] }
}

/** Reads a program's output until a line is the wanted one, and ends the program. */
async function lines(program: string, words: readonly string[], isLast: (line: string) => boolean, otherwise: () => string): Promise<void> {
  const child = spawn(program, words, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const timer = setTimeout(() => { child.kill() }, PATIENCE_MS)
  try {
    for await (const line of createInterface({ input: child.stdout })) if (isLast(line)) return
    throw new Error(otherwise())
  } finally {
    clearTimeout(timer)
    child.kill()
    await ended
  }
}
