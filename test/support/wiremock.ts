import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { GenericContainer, getContainerRuntimeClient, Wait } from 'testcontainers'

/** A request as WireMock's journal holds it. */
export interface JournalEntry {
  readonly method: string
  /** Path and query, as sent. */
  readonly path: string
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  /** The parsed JSON; undefined where there was no body. */
  readonly body: unknown
  /** Whether a stub answered it. */
  readonly matched: boolean
}

/** A stub mapping in WireMock's own JSON, as far as tests write it. Priority 1 stands before the stubs of the files. */
export interface Stub {
  readonly priority?: number
  readonly scenarioName?: string
  readonly requiredScenarioState?: string
  readonly newScenarioState?: string
  readonly request: Readonly<Record<string, unknown>>
  readonly response: Readonly<Record<string, unknown>>
}

export interface WireMock {
  /** E.g. `http://127.0.0.1:40123`, without a slash at the end. */
  readonly url: string
  readonly how: 'container' | 'java'
  /** All requests since the last reset, the oldest first; its own administration is not among them. */
  requests(): Promise<readonly JournalEntry[]>
  stub(stub: Stub): Promise<void>
  /** Back to the stubs of the files, their first states and an empty journal. */
  reset(): Promise<void>
  /** The state of a scenario; every one begins in `Started`. */
  state(scenario: string): Promise<string>
  setState(scenario: string, state: string): Promise<void>
  stop(): Promise<void>
}

interface Running {
  readonly url: string
  readonly how: WireMock['how']
  stop(): Promise<void>
}

const root = fileURLToPath(new URL('../wiremock/', import.meta.url))

/**
 * Starts WireMock with the stubs of `test/wiremock`: in a container where a Docker engine answers, and the same version's jar under the
 * machine's Java where none does. `WIREMOCK_VIA=container` or `java` demands one of them. Says on standard output which one it is.
 * @throws Error in one sentence where WireMock can't be had; a test that needs it is never skipped
 */
export async function startWireMock(): Promise<WireMock> {
  const jar = findJar()
  const running = await start(jar, process.env['WIREMOCK_VIA'])
  process.stdout.write(`WireMock ${jar.version} ${running.how === 'container' ? 'in a container' : 'under Java'} at ${running.url}\n`)
  const admin = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await fetch(`${running.url}/__admin${path}`, { method, ...(body !== undefined && { body: JSON.stringify(body) }) })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`WireMock answered ${method} ${path} with ${answer.status}: ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
  return {
    url: running.url,
    how: running.how,
    async requests() {
      const journal = await admin('GET', '/requests') as { requests: { request: { method: string; url: string; headers: Record<string, string>; body: string }; wasMatched: boolean }[] }
      return journal.requests.reverse().map(({ request, wasMatched }) => ({
        method: request.method,
        path: request.url,
        headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value])),
        body: request.body === '' ? undefined : JSON.parse(request.body) as unknown,
        matched: wasMatched,
      }))
    },
    async stub(stub) { await admin('POST', '/mappings', { priority: 1, ...stub }) },
    async reset() { await admin('POST', '/reset') },
    async state(scenario) {
      const { scenarios } = await admin('GET', '/scenarios') as { scenarios: { name: string; state: string }[] }
      const found = scenarios.find(({ name }) => name === scenario)
      if (found === undefined) throw new Error(`WireMock has no scenario ${scenario}`)
      return found.state
    },
    async setState(scenario, state) { await admin('PUT', `/scenarios/${encodeURIComponent(scenario)}/state`, { state }) },
    stop: () => running.stop(),
  }
}

interface Jar {
  readonly path: string
  readonly version: string
}

/** The jar of the npm package `wiremock`; its version names the image too, so that the two never differ. */
function findJar(): Jar {
  const folder = join(dirname(createRequire(import.meta.url).resolve('wiremock/package.json')), 'build')
  for (const name of readdirSync(folder)) {
    const version = /^wiremock-standalone-(\d.*)\.jar$/.exec(name)?.[1]
    if (version !== undefined) return { path: join(folder, name), version }
  }
  throw new Error('The npm package wiremock holds no wiremock-standalone jar: run npm ci.')
}

async function start(jar: Jar, via: string | undefined): Promise<Running> {
  if (via === 'container' || via === 'java') {
    return (via === 'container' ? startContainer(jar.version) : startJava(jar.path)).catch((error: unknown) => { throw new Error(`WIREMOCK_VIA=${via}, but ${reasonOf(error)}`) })
  }
  if (via !== undefined && via !== '') throw new Error('WIREMOCK_VIA must be container or java.')
  const reasons: string[] = []
  const note = (error: unknown): undefined => { reasons.push(reasonOf(error)); return undefined }
  const running = await startContainer(jar.version).catch(note) ?? await startJava(jar.path).catch(note)
  if (running === undefined) {
    throw new Error(`The WireMock tests need a Docker engine that has or can pull wiremock/wiremock:${jar.version}, or Java 11 or newer: start or install one of them (${reasons.join('; ')}).`)
  }
  if (reasons[0] !== undefined) process.stdout.write(`WireMock in a container: ${reasons[0]}\n`)
  return running
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Nobody waits longer than this to learn that an engine's address leads nowhere. */
const ENGINE_MS = 10_000
/** The image is about 200 MB where it has to be pulled first. */
const START_MS = 120_000

async function startContainer(version: string): Promise<Running> {
  await within(ENGINE_MS, getContainerRuntimeClient(), 'its address leads nowhere').catch(() => { throw new Error('no Docker engine answers') })
  const starting = new GenericContainer(`wiremock/wiremock:${version}`)
    .withExposedPorts(8080)
    .withEnvironment({ JAVA_OPTS: JVM_OPTIONS.join(' ') })
    // Copied, not mounted: the engine may be on another machine.
    .withCopyDirectoriesToContainer(['mappings', '__files'].map((name) => ({ source: join(root, name), target: `/home/wiremock/${name}` })))
    .withWaitStrategy(Wait.forHttp('/__admin/health', 8080))
    .start()
  const container = await within(START_MS, starting, `not within ${START_MS} ms`).catch((error: unknown) => {
    // What comes up after the limit goes down again.
    starting.then((late) => late.stop(), () => undefined)
    throw new Error(`an engine answers, but wiremock/wiremock:${version} does not start (${reasonOf(error).trim()})`)
  })
  return { how: 'container', url: `http://${container.getHost()}:${container.getMappedPort(8080)}`, async stop() { await container.stop({ timeout: 0 }) } }
}

async function within<T>(milliseconds: number, work: Promise<T>, otherwise: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_resolve, reject) => { timer = setTimeout(() => { reject(new Error(otherwise)) }, milliseconds) })
  return Promise.race([work, limit]).finally(() => { clearTimeout(timer) })
}

/** A JVM that lives for seconds: quick to start rather than quick to run. */
const JVM_OPTIONS = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']

async function startJava(jar: string): Promise<Running> {
  const child = spawn('java', [...JVM_OPTIONS, '-jar', jar, '--port', '0', '--bind-address', '127.0.0.1', '--root-dir', root, '--disable-banner'], { stdio: ['ignore', 'pipe', 'pipe'] })
  const kill = (): void => { child.kill('SIGKILL') }
  // A test file that dies must not leave a JVM behind.
  process.once('exit', kill)
  let said = ''
  const port = await within(30_000, new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text
        const found = /^port:\s+(\d+)\s/m.exec(said)?.[1]
        if (found !== undefined) resolve(found)
      })
    }
    child.once('error', (error: NodeJS.ErrnoException) => { reject(new Error(error.code === 'ENOENT' ? 'no java is installed' : error.message)) })
    child.once('exit', (code) => { reject(new Error(`java ended with ${code}: ${said.trim().slice(0, 500)}`)) })
  }), 'WireMock under Java named no port within 30 s').catch((error: unknown) => { kill(); throw error })
  return {
    how: 'java',
    url: `http://127.0.0.1:${port}`,
    async stop() {
      process.removeListener('exit', kill)
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      kill()
      await ended
    },
  }
}
