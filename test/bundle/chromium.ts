import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'

const COMMANDS = ['chromium', 'chromium-browser', 'google-chrome']

export interface Browser {
  /** Opens a file or an http URL in a window of this width; `media: 'print'` shows it there as paper would. */
  open(where: string, view: { readonly width: number; readonly media?: 'print'; readonly dark?: boolean }): Promise<void>
  /** The value of an expression in the page. The page's own policy forbids scripts; the debugger may. */
  evaluate<T>(expression: string): Promise<T>
  /** The page as PNG, all of it. */
  screenshot(): Promise<Buffer>
  /** The page as PDF, by the page's own `@page`. */
  pdf(): Promise<Buffer>
  /** URLs of everything that was asked for since the start, the pages included. */
  readonly requested: readonly string[]
  /** What the browser complained of: refused loads, errors. */
  readonly complaints: readonly string[]
  close(): Promise<void>
}

/**
 * Starts chromium without a window, on a pipe: no port, no profile of anybody, no network of its own.
 * @throws Error that says how to install it where there is none
 */
export async function startBrowser(): Promise<Browser> {
  const { command, env } = findChromium()
  const profile = mkdtempSync(join(tmpdir(), 'chromium-'))
  const child = spawn(command, [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--hide-scrollbars', '--remote-debugging-pipe', `--user-data-dir=${profile}`, 'about:blank',
  ], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  const ended = new Promise<void>((resolve) => { child.once('close', () => resolve()) })
  const requested: string[] = []
  const complaints: string[] = []
  const connection = connect(child.stdio[3] as Writable, child.stdio[4] as Readable, ({ request, entry }) => {
    if (request) requested.push(request.url)
    if (entry) complaints.push(entry.text)
  })
  void ended.then(() => connection.fail('chromium ended'))
  const { targetInfos } = await connection.send<{ targetInfos: { type: string; targetId: string }[] }>('Target.getTargets')
  const { targetId } = targetInfos.find(({ type }) => type === 'page')!
  const { sessionId } = await connection.send<{ sessionId: string }>('Target.attachToTarget', { targetId, flatten: true })
  const send = <T>(method: string, params: object = {}): Promise<T> => connection.send(method, params, sessionId)
  for (const domain of ['Page', 'Network', 'Log']) await send(`${domain}.enable`)
  return {
    requested,
    complaints,
    async open(where, { width, media, dark = false }) {
      await send('Emulation.setDeviceMetricsOverride', { width, height: 800, deviceScaleFactor: 1, mobile: width < 500 })
      await send('Emulation.setEmulatedMedia', { media: media ?? '', features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }] })
      const loaded = connection.once('Page.loadEventFired')
      await send('Page.navigate', { url: where.startsWith('http://') ? where : pathToFileURL(where).href })
      await loaded
    },
    async evaluate<T>(expression: string) {
      const { result, exceptionDetails } = await send<{ result: { value: T }; exceptionDetails?: object }>('Runtime.evaluate', { expression, returnByValue: true })
      if (exceptionDetails) throw new Error(`the page threw: ${JSON.stringify(exceptionDetails)}`)
      return result.value
    },
    screenshot: async () => Buffer.from((await send<{ data: string }>('Page.captureScreenshot', { captureBeyondViewport: true })).data, 'base64'),
    pdf: async () => Buffer.from((await send<{ data: string }>('Page.printToPDF', { preferCSSPageSize: true })).data, 'base64'),
    async close() {
      child.kill()
      await ended
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

interface Program {
  readonly command: string
  readonly env: Readonly<Record<string, string>>
}

/** The machine's own, or the one that a development dependency brings along (Linux x64), so that a bare machine can run this test. */
function findChromium(): Program {
  const candidates = (process.env['PATH'] ?? '').split(delimiter).flatMap((folder) => COMMANDS.map((command) => join(folder, command)))
  const found = candidates.find(isExecutable)
  if (found !== undefined) return { command: found, env: {} }
  const unpacked = resolve(import.meta.dirname, '../../node_modules/.cache/chromium')
  const command = join(unpacked, 'chromium')
  if (!existsSync(command)) {
    mkdirSync(unpacked, { recursive: true })
    // The package unpacks into the temporary folder, and brings the libraries beside the browser only where it takes the machine for a Lambda.
    const script = "import chromium from '@sparticuz/chromium'; await chromium.executablePath()"
    spawnSync(process.execPath, ['--input-type=module', '-e', script], { env: { ...process.env, TMPDIR: unpacked, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x' } })
    // The package's own file names /tmp: without a font the browser shows, and reads out, nothing.
    writeFileSync(join(unpacked, 'fonts.conf'), `<?xml version="1.0"?><fontconfig><dir>${unpacked}/fonts</dir><cachedir>${unpacked}/font-cache</cachedir></fontconfig>`)
  }
  if (process.arch === 'x64' && process.platform === 'linux' && isExecutable(command)) {
    return { command, env: { LD_LIBRARY_PATH: join(unpacked, 'al2023/lib'), FONTCONFIG_FILE: join(unpacked, 'fonts.conf') } }
  }
  throw new Error('The report page is tested in a browser and there is none: apt-get install -y --no-install-recommends chromium')
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The events of the DevTools protocol that are listened to. */
interface Event {
  readonly request?: { readonly url: string }
  readonly entry?: { readonly text: string }
}

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: Event
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

interface Connection {
  /** `T` is the answer as the DevTools protocol documents it. */
  send<T>(method: string, params?: object, sessionId?: string): Promise<T>
  once(event: string): Promise<void>
  fail(reason: string): void
}

/** The DevTools protocol over a pipe: JSON messages, each ended by NUL. */
function connect(output: Writable, input: Readable, heard: (event: Event) => void): Connection {
  const waiting = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>()
  const listeners = new Map<string, () => void>()
  let last = 0
  let rest = ''
  const receive = ({ id, method, params, result, error }: Message): void => {
    if (method !== undefined) {
      heard(params ?? {})
      listeners.get(method)?.()
    }
    const answered = waiting.get(id ?? 0)
    waiting.delete(id ?? 0)
    if (error) answered?.reject(new Error(error.message))
    else answered?.resolve(result as never)
  }
  input.setEncoding('utf8').on('data', (text: string) => {
    const messages = `${rest}${text}`.split('\0')
    rest = messages.pop()!
    for (const message of messages) receive(JSON.parse(message) as Message)
  })
  output.on('error', () => undefined) // the end of the process says it
  return {
    send: (method, params = {}, sessionId) => new Promise((resolve, reject) => {
      last += 1
      waiting.set(last, { resolve, reject })
      output.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`)
    }),
    once: (event) => new Promise((resolve) => { listeners.set(event, resolve) }),
    fail(reason) {
      for (const { reject } of waiting.values()) reject(new Error(reason))
    },
  }
}
