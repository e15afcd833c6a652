import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startService, type Service } from '../support/service.ts'
import { testClock } from './callers.ts'

/** docs/callers.md in an empty folder: its commands make the files, the services start with them, and its curls get through. */
const page = readFileSync(new URL('../../docs/callers.md', import.meta.url), 'utf8')
const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1]!)
const folder = mkdtempSync(join(tmpdir(), 'callers-page-'))
after(() => { rmSync(folder, { recursive: true, force: true }) })

/** Runs commands against a service, and ends with its first one that fails. */
function run(commands: readonly string[], url = ''): Promise<string> {
  const script = commands.join('\n').replaceAll(/https?:\/\/127\.0\.0\.1:3000/g, url)
  return new Promise((resolve, reject) => {
    execFile('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`${script}\n${stdout}${stderr}`))
    })
  })
}

const upTo = (text: string): number => blocks.findIndex((block) => block.includes(text)) + 1

test('the commands for API keys make a key, exchange it, and shut the old one out', async () => {
  // One shell for all: a later block uses the variables of an earlier one.
  const [made, end] = [upTo('> billing.apikey'), upTo('grep 401')]
  await run(blocks.slice(0, made))
  const clock = testClock()
  const service = await startService({ env: { AUTH_MODE: 'api-key', AUTH_CLIENTS_FILE: join(folder, 'clients.json') }, now: () => {
    clock.pass(1_000)
    return clock.now()
  } })
  const output = await run(blocks.slice(0, end).map((block) => block.replace('sleep 1\n', '')), service.url).finally(() => service.stop())
  assert.equal(output, `${'{"transactions":[]}'.repeat(3)}401\n`)
})

test('the commands for client certificates make a CA, a caller and a server that work together', async () => {
  const [first, made] = [upTo('-keyout ca.key') - 1, upTo('> server.ext')]
  await run(blocks.slice(first, made))
  const file = (name: string): string => join(folder, name)
  const service: Service = await startService({ env: {
    AUTH_MODE: 'mtls', AUTH_CLIENTS_FILE: file('subjects.json'),
    TLS_CERT_FILE: file('server.pem'), TLS_KEY_FILE: file('server.key'), TLS_CLIENT_CA_FILE: file('ca.pem'),
  } })
  assert.equal(await run(blocks.slice(made), service.url).finally(() => service.stop()), '{"transactions":[]}ok\n')
})

test('no command of the page stands between those that are run', () => assert.equal(upTo('-keyout ca.key') - 1, upTo('grep 401')))
