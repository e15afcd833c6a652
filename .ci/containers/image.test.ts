import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import pkg from '../../package.json' with { type: 'json' }
import { order } from '../../test/support/service.ts'
import { command, docker, healthy, logged } from './docker.ts'

/** As a platform team runs it; the journal stands in the anonymous volume that the image declares. */
const CONFINED = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--ulimit', 'core=0', '--tmpfs', '/tmp']
const HEALTHY_MS = 3_000
/** What the image adds to Node's: 24 MB would be the packages alone, as npm lays them down. */
const OWN_BYTES = 20_000_000

const name = `attestation-bundler-ci-${process.pid}`
const hsm = `${name}-hsm`
const started: string[] = [hsm]

before(async () => {
  const revision = await command('git', ['rev-parse', 'HEAD'])
  await docker('build', '-q', '-t', name, '--build-arg', `VERSION=${pkg.version}`, '--build-arg', `REVISION=${revision}`, '.')
  await docker('build', '-q', '-t', hsm, '--target', 'simulator', '.')
  await docker('network', 'create', name)
  await docker('volume', 'create', name)
  // Its own command with two faults more: CSRs take their time, and attestations of some labels fail.
  const start = JSON.parse(/^CMD (\[.*simulator\/main\.ts.*\])$/m.exec(await readFile(new URL('../../Dockerfile', import.meta.url), 'utf8'))?.[1] ?? '[]') as string[]
  await docker('run', '-d', '--name', hsm, '--network', name, '--network-alias', 'tsb', '--init', '-v', `${name}:/data`, hsm, ...start,
    '--fault', JSON.stringify({ call: 'certificate-request', kind: 'slow', delayMs: 1_500, label: 'slow-' }),
    '--fault', JSON.stringify({ call: 'key-attestation', kind: 'hsm-error', label: 'slow-failing' }))
  await healthy(hsm)
})
after(async () => {
  for (const words of [['rm', '-f', '-v', ...started], ['volume', 'rm', name], ['network', 'rm', name], ['rmi', name, hsm]]) {
    // What a test that failed early never made cannot be removed; the rest can.
    await docker(...words).catch((error: unknown) => { process.stderr.write(`${String(error)}\n`) })
  }
})

/** Starts the service's container under a user id. @returns its name, and where it listens */
async function start(user: string, more: readonly string[] = []): Promise<{ container: string; url: string }> {
  const container = `${name}-${started.length}`
  started.push(container)
  await docker('run', '-d', '--name', container, '--network', name, ...CONFINED, '--user', user, '-p', '127.0.0.1::3000', '-v', `${name}:/hsm:ro`,
    '-e', 'AUTH_MODE=none', '-e', 'TSB_URL=http://tsb:8080', '-e', 'TRUST_ANCHORS_FILE=/hsm/simulator-root.pem', '-e', 'LOG_LEVEL=debug', ...more, name)
  const address = (await docker('port', container, '3000/tcp')).split('\n')[0]!
  return { container, url: `http://${address}` }
}

const post = (url: string, label: string, more: RequestInit = {}): Promise<Response> =>
  fetch(`${url}/v1/attestation-bundles`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(order(label)), ...more })

/** Labels of the keys that the simulator holds; the HSM's own, which signs attestations, is not counted. */
async function keys(): Promise<string[]> {
  const answer = await docker('exec', hsm, 'node', '-e', "fetch('http://127.0.0.1:8080/v1/key').then((answer) => answer.text()).then(console.log)")
  return (JSON.parse(answer) as string[]).filter((label) => label !== 'attestation-key').sort()
}

test('is small, runs as nobody, and holds no package manager and no source of packages that Node cannot load', async () => {
  const base = /^ARG NODE_IMAGE=(.*)$/m.exec(await readFile(new URL('../../Dockerfile', import.meta.url), 'utf8'))?.[1] ?? ''
  const size = async (image: string): Promise<number> => Number(await docker('image', 'inspect', '-f', '{{.Size}}', image))
  const own = await size(name) - await size(base)
  process.stdout.write(`the image is ${(own / 1e6).toFixed(1)} MB larger than ${base}\n`)
  assert.ok(own < OWN_BYTES, `${own} bytes`)
  assert.equal(await docker('image', 'inspect', '-f', '{{.Config.User}}', name), '65532')
  assert.equal(await docker('image', 'inspect', '-f', '{{index .Config.Labels "org.opencontainers.image.version"}}', name), pkg.version)
  const look = `const { globSync, existsSync } = require('node:fs')
    console.log(JSON.stringify([['npm', 'npx'].filter((name) => existsSync('/usr/local/bin/' + name)), globSync('/app/node_modules/**/*.ts').length, existsSync('/app/src/simulator')]))`
  assert.deepEqual(JSON.parse(await docker('run', '--rm', name, 'node', '-e', look)), [[], 0, false])
})

for (const user of ['65532', '10001']) {
  test(`is healthy within ${HEALTHY_MS} ms, read-only and without capabilities, as user ${user}`, async () => {
    const { container, url } = await start(user)
    const took = await healthy(container)
    process.stdout.write(`healthy after ${took} ms as user ${user}\n`)
    assert.ok(took < HEALTHY_MS, `${took} ms`)
    assert.equal((await fetch(`${url}/readyz`)).status, 200)
    // The operator's commands work beside the service, which holds the journal, and without npm.
    assert.match(await docker('exec', container, 'node', 'src/commands/journal.ts', 'list', '--json'), /^\[\]$/)
    await docker('exec', container, 'node', 'src/commands/doctor.ts', '--key', 'p-256')
    await docker('stop', container)
    assert.equal(await docker('inspect', '-f', '{{.State.ExitCode}}', container), '0')
  })
}

test('SIGTERM in the middle of transactions: each ends, exit code 0, and the HSM holds no key but the one whose bundle was delivered', async () => {
  const { container, url } = await start('10001')
  await healthy(container)
  const leaving = new AbortController()
  const [delivered, failing, left] = [post(url, 'slow-delivered'), post(url, 'slow-failing'), post(url, 'slow-left', { signal: leaving.signal })]
  left.catch(() => undefined)
  await logged(container, /"call":"create-key","outcome":"answered"/, 3)
  assert.deepEqual(await keys(), ['slow-delivered', 'slow-failing', 'slow-left'])
  const stopped = docker('stop', '-t', '30', container)
  await logged(container, /"msg":"stopping"/)
  leaving.abort()
  const answers = [await delivered, await failing] as const
  assert.deepEqual(answers.map(({ status }) => status), [201, 502])
  assert.equal((await answers[1].json() as { transaction: { rollback: string } }).transaction.rollback, 'done')
  await stopped
  assert.equal(await docker('inspect', '-f', '{{.State.ExitCode}}', container), '0')
  assert.deepEqual(await keys(), ['slow-delivered'])
})
