import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { styleText } from 'node:util'
import { pino } from 'pino'
import { buildApp } from '../app.ts'
import { readSettings } from '../config.ts'
import { startSimulator } from '../simulator/simulator.ts'
import { showChecks, wantsColour } from './show-checks.ts'

/**
 * `npm run demo`: a TSB simulator and the service on free ports, the vendor's two tutorial bodies over HTTP, and a verified bundle in the
 * current folder. Needs no Docker, no Java and no network. The last two lines are for scripts.
 */
const say = (text = ''): void => { process.stdout.write(`${text}\n`) }
const step = (text: string): void => say(`${styleText('bold', '›')} ${text}`)

step('making the keys of a simulated HSM …')
const home = await mkdtemp(join(tmpdir(), 'attestation-demo-'))
const simulator = await startSimulator({})
const rootPath = resolve('simulator-root.pem')
await writeFile(rootPath, simulator.rootPem)
step(`TSB simulator on ${simulator.url}: real keys under a root of its own, nothing of the vendor's`)

// The service is set up as in production: through its settings.
const settings = readSettings({
  AUTH_MODE: 'none', TSB_URL: simulator.url, TRUST_ANCHORS_FILE: rootPath, JOURNAL_URL: `file:${join(home, 'journal.sqlite')}`, PORT: '0', LOG_LEVEL: 'silent',
})
const app = await buildApp(settings, pino({ level: settings.logLevel }))
const service = await app.http.listen({ host: settings.http.host, port: settings.http.port })
step(`service on ${service}`)

try {
  process.exitCode = await requestBundle() ? 0 : 1
} finally {
  await app.stop()
  await simulator.close()
  await rm(home, { recursive: true, force: true })
}

async function requestBundle(): Promise<boolean> {
  const body = await readFile(new URL('../../examples/request.json', import.meta.url), 'utf8')
  step(`POST ${service}/v1/attestation-bundles with the two bodies of the vendor's tutorial (examples/request.json)`)
  const answer = await fetch(`${service}/v1/attestation-bundles`, { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/zip' }, body })
  if (answer.status !== 201) {
    say(`the service answered ${answer.status}: ${await answer.text()}`)
    return false
  }
  const bytes = Buffer.from(await answer.arrayBuffer())
  const digest = `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`
  if (answer.headers.get('repr-digest') !== digest) throw new Error('the zip is not what repr-digest says')
  step(`201, ${bytes.length} bytes, repr-digest compared`)

  const details = await fetch(`${service}${answer.headers.get('location')}`, { headers: { accept: 'application/json' } })
  const transaction = await details.json() as Transaction
  say()
  say(styleText('bold', `transaction ${transaction.id}`))
  for (const { name, durationMs } of transaction.steps) say(`  ${name.padEnd(20)} ${String(durationMs).padStart(6)} ms`)
  say()
  say(styleText('bold', `${transaction.verification.checks.length} checks, verdict: ${transaction.verification.verdict}`))
  say(showChecks(transaction.verification.checks, wantsColour(process.stdout)))
  const bundlePath = resolve(transaction.bundle.fileName)
  await writeFile(bundlePath, bytes)
  say()
  say('Unpack the bundle and check it with openssl as README.md shows, against the root below.')
  say(`bundle: ${bundlePath}`)
  say(`root: ${rootPath}`)
  return transaction.verification.verdict === 'passed'
}

interface Transaction {
  readonly id: string
  readonly steps: readonly { readonly name: string; readonly durationMs: number }[]
  readonly bundle: { readonly fileName: string }
  readonly verification: { readonly verdict: string; readonly checks: readonly { readonly id: string; readonly outcome: string; readonly detail: string }[] }
}
