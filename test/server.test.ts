import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import pkg from '../package.json' with { type: 'json' }
import { startSimulator, type Simulator } from '../src/simulator/simulator.ts'
import { startOtlpReceiver } from './support/otlp-receiver.ts'
import { order, sharedPki } from './support/service.ts'

let simulator: Simulator
let home: string
before(async () => {
  simulator = await startSimulator({ pki: await sharedPki() })
  home = mkdtempSync(join(tmpdir(), 'server-'))
  writeFileSync(join(home, 'root.pem'), simulator.rootPem)
})
after(async () => {
  await simulator.close()
  rmSync(home, { recursive: true, force: true })
})

interface Running {
  readonly url: string
  readonly process: ChildProcess
  logged(wanted: RegExp): Promise<string>
}

/** The process as `npm start` runs it, on a free port. */
async function start(env: Record<string, string> = {}): Promise<Running> {
  const child = spawn(process.execPath, pkg.scripts.start.split(' ').slice(1), {
    env: {
      PATH: process.env['PATH'], NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], AUTH_MODE: 'none', TSB_URL: simulator.url, TRUST_ANCHORS_FILE: join(home, 'root.pem'),
      JOURNAL_URL: `file:${join(home, 'journal.sqlite')}`, PORT: '0', LOG_LEVEL: 'debug', ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  const reader = createInterface({ input: child.stdout })
  reader.on('line', (line) => lines.push(line))
  const logged = async (wanted: RegExp): Promise<string> => {
    for (;;) {
      const line = lines.find((candidate) => wanted.test(candidate))
      if (line !== undefined) return line
      await once(reader, 'line', { signal: AbortSignal.timeout(20_000) })
    }
  }
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(await logged(/Server listening/))![0]
  return { url, process: child, logged }
}

const post = (url: string, label: string): Promise<Response> =>
  fetch(`${url}/v1/attestation-bundles`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(order(label)) })

async function exitOf(child: ChildProcess): Promise<unknown> {
  return child.exitCode ?? (await once(child, 'exit'))[0]
}

test('the process serves the contract, says what it trusts, and stops on SIGTERM with exit code 0, whoever asks nothing or never finishes asking', async () => {
  const server = await start()
  assert.equal((await post(server.url, 'process-1')).status, 201)
  assert.match(await server.logged(/trust anchor/), /"sha256":"[0-9a-f]{64}"/)
  const port = Number(new URL(server.url).port)
  const idle = connect(port)
  const half = connect(port)
  await Promise.all([once(idle, 'connect'), once(half, 'connect')])
  half.write('POST /v1/attestation-bundles HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{')
  // Answered after the two above were accepted.
  assert.equal((await fetch(`${server.url}/livez`)).status, 200)
  server.process.kill('SIGTERM')
  assert.equal(await exitOf(server.process), 0)
  idle.destroy()
  half.destroy()
})

test('SIGTERM in the middle of a transaction and of a rollback lets both finish, nothing is left of the one, and the last spans go out', async (t) => {
  const collector = await startOtlpReceiver()
  t.after(() => collector.close())
  const server = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
  const stopping = Promise.withResolvers<void>()
  simulator.alter.csr = async (pem) => {
    await stopping.promise
    return pem
  }
  const requested = simulator.next('certificate-request')
  const finished = post(server.url, 'process-2')
  await requested
  simulator.faults.under('process-3').set('certificate-request', { kind: 'hsm-error' })
  simulator.faults.under('process-3').set('delete-key', { kind: 'slow', delayMs: 500 })
  const deleting = simulator.next('delete-key')
  const failed = post(server.url, 'process-3')
  await deleting
  server.process.kill('SIGTERM')
  await server.logged(/"msg":"stopping"/)
  stopping.resolve()
  delete simulator.alter.csr
  const { status, headers } = await finished
  assert.equal(status, 201)
  const problem = await (await failed).json() as { transaction: { rollback: string } }
  assert.equal(problem.transaction.rollback, 'done')
  assert.equal(await exitOf(server.process), 0)
  assert.ok(!simulator.labels().includes('process-3'))
  const request = collector.spans.find(({ name, traceId }) => name === 'POST /v1/attestation-bundles' && headers.get('traceresponse')?.includes(traceId))
  assert.equal(headers.get('traceresponse'), `00-${request?.traceId}-${request?.spanId}-01`)
  assert.deepEqual([request?.resource['service.name'], request?.resource['service.version']], [pkg.name, pkg.version])
  assert.ok(collector.spans.some(({ name, traceId }) => name === 'commit' && traceId === request?.traceId))
})

test('while it stops, readyz fails and new work is still taken for SHUTDOWN_DELAY_MS, behind which SHUTDOWN_GRACE_MS begins', async () => {
  const server = await start({ SHUTDOWN_DELAY_MS: '1500', SHUTDOWN_GRACE_MS: '1400' })
  server.process.kill('SIGTERM')
  await server.logged(/"msg":"stopping"/)
  const ready = await fetch(`${server.url}/readyz`)
  assert.deepEqual([ready.status, (await ready.json() as { code: string }).code], [503, 'shutting-down'])
  assert.equal((await post(server.url, 'process-4')).status, 201)
  assert.equal(await exitOf(server.process), 0)
})
