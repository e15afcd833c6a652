import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { order } from '../../test/support/service.ts'
import { openCompose, type Compose } from './compose.ts'
import { command, docker, healthy, logged, root } from './docker.ts'

/** The curl of a file's text, with a host port in place of the default one, in a folder that has what it reads. @returns the folder with the bundle */
async function runCurl(file: string, port: string): Promise<string> {
  const text = (await readFile(join(root, file), 'utf8')).replace(/^#\s*/gm, '').replaceAll('\\\n', ' ')
  const curl = /^curl -sS --fail-with-body http.*$/m.exec(text)?.[0] ?? `echo ${file} has no curl; exit 1`
  const home = await mkdtemp(join(tmpdir(), 'compose-'))
  for (const folder of ['examples', 'test']) await symlink(join(root, folder), join(home, folder))
  await command('sh', ['-c', `cd "${home}" && ${curl.replace('127.0.0.1:3000', `127.0.0.1:${port}`)}`])
  return home
}

/** The bundle of the folder holds under this anchor, by this project's own `npm run verify`. */
async function assertBundle(home: string, anchor: string): Promise<void> {
  await command('sh', ['-c', `cat > "${home}/root.pem" <<'PEM'\n${anchor}\nPEM`])
  assert.match(await command('npm', ['run', '-s', 'verify', '--', join(home, 'bundle.zip'), '--trust-anchors', join(home, 'root.pem')]), /^PASSED /)
}

describe('docker-compose.yml', () => {
  let compose: Compose
  before(async () => {
    compose = await openCompose('docker-compose.yml', ['SERVICE_PORT', 'BALANCER_PORT'])
    await compose.run('up', '-d', '--build', 'service')
    await healthy(await compose.container('service'))
  })
  after(() => compose.down())

  test("the README's curl makes a bundle", async (t) => {
    const home = await runCurl('README.md', compose.ports['SERVICE_PORT']!)
    t.after(() => rm(home, { recursive: true }))
    await assertBundle(home, await compose.run('exec', '-T', 'simulator', 'cat', '/data/simulator-root.pem'))
  })

  test('one trace id joins the caller, the service and the call of the TSB, and a metric moves', async () => {
    const url = `http://127.0.0.1:${compose.ports['SERVICE_PORT']}`
    const completed = async (): Promise<number> =>
      Number(/^attestation_bundle_transactions_total\{outcome="completed",code=""\} (\d+)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1])
    const before = await completed()
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
    const answer = await fetch(`${url}/v1/attestation-bundles`, {
      method: 'POST', headers: { 'content-type': 'application/json', traceparent: `00-${trace}-00f067aa0ba902b7-01` }, body: JSON.stringify(order('traced')),
    })
    assert.equal(answer.status, 201)
    await answer.arrayBuffer()
    assert.match(answer.headers.get('traceresponse') ?? '', new RegExp(`^00-${trace}-`))
    assert.match(await docker('logs', await compose.container('service')), new RegExp(`"trace_id":"${trace}".*"msg":"transaction completed"`))
    assert.match(await docker('logs', await compose.container('simulator')), new RegExp(`"call":"create-key".*"traceparent":"00-${trace}-`))
    assert.equal(await completed(), before + 1)
  })

  test('a rolling restart of two replicas under load fails no request and leaves no half transaction, though nobody repeats anything', async () => {
    await compose.run('up', '-d')
    const balancer = await compose.container('balancer')
    await logged(balancer, /^service:3000 is ready/)
    await logged(balancer, /^service-2:3000 is ready/)
    const before = await keys(compose)

    const outcomes = new Map<string, number | string>()
    let ending = false
    const caller = async (name: string): Promise<void> => {
      for (let i = 0; !ending; i += 1) {
        const label = `${name}-${i}`
        const url = `http://127.0.0.1:${compose.ports['BALANCER_PORT']}/v1/attestation-bundles`
        const answer = fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(order(label)) })
        outcomes.set(label, await answer.then(async (response) => (await response.arrayBuffer(), response.status), (error: unknown) => String(error)))
      }
    }
    const load = Promise.all(['one', 'two', 'three', 'four'].map(caller))
    for (const service of ['service', 'service-2']) {
      await compose.run('restart', '-t', '150', service)
      await healthy(await compose.container(service))
      // It is in turn again before the other one goes.
      await logged(balancer, new RegExp(`^${service}:3000 is ready`), 2)
    }
    ending = true
    await load

    const failed = [...outcomes].filter(([, outcome]) => outcome !== 201)
    assert.deepEqual(failed, [])
    process.stdout.write(`${outcomes.size} transactions during the rolling restart, all 201\n`)
    // Whether one was running at the moment of a signal is chance here; image.test.ts has it for certain.
    assert.deepEqual((await keys(compose)).filter((label) => !before.includes(label)).sort(), [...outcomes.keys()].sort())
    const rows = JSON.parse(await compose.run('exec', '-T', 'service', 'node', 'src/commands/journal.ts', 'list', '--json')) as unknown[]
    assert.deepEqual(rows, [])
  })
})

test('docker-compose.wiremock.yml: its curl makes a bundle of evidence that was recorded at the start', async (t) => {
  const compose = await openCompose('docker-compose.wiremock.yml', ['SERVICE_PORT', 'WIREMOCK_PORT'])
  t.after(() => compose.down())
  await compose.run('up', '-d', '--build')
  await healthy(await compose.container('service'))
  const home = await runCurl('docker-compose.wiremock.yml', compose.ports['SERVICE_PORT']!)
  t.after(() => rm(home, { recursive: true }))
  await assertBundle(home, await compose.run('exec', '-T', 'service', 'cat', '/recorded/fixtures/recorded-root.pem'))
})

/** Labels of the keys at the simulator. */
async function keys(compose: Compose): Promise<string[]> {
  return JSON.parse(await compose.run('exec', '-T', 'simulator', 'node', '-e', "fetch('http://127.0.0.1:8080/v1/key').then((answer) => answer.text()).then(console.log)")) as string[]
}
