import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../src/simulator/main.ts', import.meta.url))

function run(...args: string[]) {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const output = createInterface(child.stdout)
  const line = (): Promise<string> => once(output, 'line').then(([text]) => String(text))
  return { child, line, exit: once(child, 'exit') }
}

test('starts from the command line, writes its root, logs traces, and stops on SIGTERM', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'simulator-main-'))
  try {
    const root = join(folder, 'root.pem')
    const { child, line, exit } = run('--port', '0', '--root', root, '--attestation-key', 'ec', '--api-key-management', 'm1', '--tsb-version', '9.9.9', '--log-traces', '--json',
      '--fault', '{"call":"license-info","kind":"unavailable"}')
    const started = JSON.parse(await line()) as { url: string; root: string }
    assert.equal(started.root, root)
    assert.match(await readFile(root, 'utf8'), /^-----BEGIN CERTIFICATE-----\n/)
    assert.deepEqual(await (await fetch(`${started.url}/v1/versionInfo`)).json(), { Version: '9.9.9', Vendor: 'TSB simulator' })
    assert.equal((await fetch(`${started.url}/v1/key`)).status, 401)
    const logged = line()
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
    await fetch(`${started.url}/v1/versionInfo?x=y`, { headers: { traceparent, 'x-api-key': 'planted', authorization: 'Bearer planted' } })
    // The first line since the start: what came without a trace before it left none.
    assert.deepEqual(JSON.parse(await logged), { call: 'version-info', method: 'GET', path: '/v1/versionInfo', traceparent })
    for (const _ of [1, 2]) assert.equal((await fetch(`${started.url}/v1/licenseInfo`)).status, 503)
    child.kill('SIGTERM')
    assert.deepEqual(await exit, [0, null])
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('says what is wrong with its arguments', async () => {
  const { child, exit } = run('--attestation-key', 'dsa')
  const error = once(child.stderr, 'data').then(([data]) => String(data))
  assert.equal(await error, '--attestation-key must be one of rsa, rsa-pss, ec.\n')
  assert.deepEqual(await exit, [1, null])
})
