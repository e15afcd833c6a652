import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'

/** Runs what the image's HEALTHCHECK runs. @returns its exit code */
const check = (env: Readonly<Record<string, string>>): Promise<number | null> => new Promise((resolve) => {
  const child = execFile(process.execPath, [new URL('../src/healthcheck.ts', import.meta.url).pathname], { env: { PATH: process.env['PATH'], ...env } })
  child.once('exit', resolve)
})

/** Something that answers /livez, and nothing else, at one address. */
async function alive(t: TestContext, host: string): Promise<string> {
  const server = createServer((request, answer) => { answer.writeHead(request.url === '/livez' ? 200 : 404).end() }).listen(0, host)
  t.after(() => { server.close() })
  await once(server, 'listening')
  return String((server.address() as AddressInfo).port)
}

test('the health check asks where the service listens: on all addresses, or on one', async (t) => {
  const [everywhere, one] = [await alive(t, '0.0.0.0'), await alive(t, '127.0.0.2')]
  // One after the other: each has two seconds, as it has in a container.
  assert.equal(await check({ PORT: everywhere }), 0)
  assert.equal(await check({ PORT: everywhere, HOST: '0.0.0.0' }), 0)
  assert.equal(await check({ PORT: one, HOST: '127.0.0.2' }), 0)
  assert.equal(await check({ PORT: one }), 1)
})
