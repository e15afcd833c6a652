import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Programs } from './postgres-programs.ts'
import { reap } from './reaper.ts'

export interface Server {
  /** `postgres://…` of the server's own database, as its superuser. */
  readonly url: string
  stop(): Promise<void>
}

/**
 * Runs a server from the machine's programs in a new folder, on a free port of 127.0.0.1, under another user where this process is root's.
 * It ends and its folder goes with this process, however that ends.
 * @param settings of `postgresql.conf`, as `name=value`
 * @throws Error with what the programs said
 */
export async function startServer({ initdb, postgres }: Programs, settings: readonly string[]): Promise<Server> {
  const owner = ownerOfServer()
  const folder = mkdtempSync(join(tmpdir(), 'postgres-'))
  const data = join(folder, 'data')
  const passwordFile = join(folder, 'password')
  const password = randomBytes(16).toString('hex')
  const forget = reap({ folder })
  try {
    writeFileSync(passwordFile, password, { mode: 0o600 })
    mkdirSync(data, { mode: 0o700 })
    for (const path of [folder, passwordFile, data]) if (owner) chownSync(path, owner.uid, owner.gid)
    const options = { cwd: folder, env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' }, ...owner }
    const access = ['-U', 'postgres', '-A', 'scram-sha-256', '--pwfile', passwordFile]
    await run(initdb, ['-D', data, ...access, '-E', 'UTF8', '--no-sync', '--wal-segsize=1'], options)
    // No unix socket: its path may be too long, and nobody needs it.
    const serverArgs = ['-D', data, '-h', '127.0.0.1', '-k', '', ...settings.flatMap((setting) => ['-c', setting])]
    // Another process may take a free port before the server does.
    for (let tries = 1; ; tries += 1) {
      const port = await freePort()
      const server = await launch(postgres, [...serverArgs, '-p', String(port)], options)
      if (server === 'port-taken' && tries < 5) continue
      if (server === 'port-taken') throw new Error('five free ports in a row were taken before the server took them')
      return {
        url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
        async stop() {
          await server.stop()
          rmSync(folder, { recursive: true, force: true })
          forget()
        },
      }
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    forget()
    throw error
  }
}

/** The server refuses to run as root. */
function ownerOfServer(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const idOf = (name: string, which: '-u' | '-g'): number =>
    Number(execFileSync('id', [which, name], { stdio: ['ignore', 'pipe', 'ignore'] }))
  for (const name of ['postgres', 'nobody']) {
    try {
      return { uid: idOf(name, '-u'), gid: idOf(name, '-g') }
    } catch {
      continue
    }
  }
  throw new Error('PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody')
}

interface SpawnOptions {
  readonly cwd: string
  readonly env: Record<string, string | undefined>
  readonly uid?: number
  readonly gid?: number
}

async function run(program: string, args: readonly string[], options: SpawnOptions): Promise<void> {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => { said += text })
  const forget = child.pid === undefined ? () => undefined : reap({ pid: child.pid })
  const [code] = await once(child, 'close').finally(forget)
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${said.trim()}`)
}

async function launch(program: string, args: readonly string[], options: SpawnOptions): Promise<{ stop(): Promise<void> } | 'port-taken'> {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
  const exited = once(child, 'exit')
  exited.catch(() => undefined)
  // Immediate shutdown. SIGKILL would leave the server's shared memory behind.
  const forget = child.pid === undefined ? () => undefined : reap({ pid: child.pid, signal: 'SIGQUIT' })
  void exited.then(forget, forget)
  const said: string[] = []
  const lines = createInterface({ input: child.stderr })
  const ready = new Promise<true>((resolve) => {
    // Read to the end of the server's life: a full pipe would stop it.
    lines.on('line', (line) => {
      if (said.length < 50) said.push(line)
      if (line.includes('database system is ready to accept connections')) resolve(true)
    })
  })
  const started = await Promise.race([ready, exited.then(() => once(lines, 'close')).then(() => false)])
  if (!started) {
    if (said.some((line) => line.includes('Address already in use'))) return 'port-taken'
    throw new Error(`${program} ended: ${said.join('\n')}`)
  }
  // A test file that forgets the server ends all the same.
  child.unref()
  const stderr = child.stderr as Socket
  stderr.unref()
  return {
    async stop() {
      child.ref()
      child.kill('SIGQUIT')
      await exited
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await once(server.close(), 'close')
  return port
}
