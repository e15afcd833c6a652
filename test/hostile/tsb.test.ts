import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { CheckResult } from '../../src/evidence/evidence.ts'
import { problemIn, type ProblemAnswer } from '../support/problem.ts'
import { order, startService, type Service } from '../support/service.ts'
import { BOMBS, XML_BOMBS } from './bombs.ts'
import { FLOODS, ODDITIES, openHostileTsb, type HostileTsb } from './hostile-tsb.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const EXPORT = '/v1/key/keyAttestation'
const CREATE = '/v1/key'
const KEY = 'management-key'

let tsb: HostileTsb
let service: Service
before(async () => {
  tsb = await openHostileTsb()
  service = await startService({
    simulator: { apiKeys: { keyManagement: [KEY] } },
    env: { TSB_URL: tsb.url, TSB_KEY_MANAGEMENT_API_KEYS: KEY, TSB_BEARER_TOKEN: 'token', TSB_TIMEOUT_MS: '1500', TSB_CREATE_KEY_TIMEOUT_MS: '4000', SETTLE_AFTER_MS: '100' },
  })
  tsb.forwardTo(service.simulator.url)
  assert.equal((await service.post(order('the-first'))).status, 201)
})
after(async () => {
  await service.stop()
  tsb.close()
})

/** What this process holds once everything that can go is gone. */
function held(): number {
  // The first one finds what is dead, and the second one gives back the buffers that belonged to it.
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** The most memory that this process ever had, in bytes. */
const peak = (): number => process.resourceUsage().maxRSS * 1024

describe('an answer without end in place of the created key: the limits hold, and memory stays', () => {
  for (const [i, [name, code, attack]] of FLOODS.entries()) {
    test(`${name}: ${code}`, async () => {
      tsb.answer(CREATE, `flooded-${i}-`, attack)
      const highest = peak()
      const problem = await problemIn(await service.post(order('', { label: undefined, labelPrefix: `flooded-${i}` })), code)
      assert.ok(peak() - highest < 200_000_000, `peak ${peak() - highest}`)
      // Under a prefix a create of unknown effect is looked for again for an hour.
      assert.deepEqual([problem.transaction?.step, problem.transaction?.rollback], ['create-key', 'pending'])
    })
  }
})

describe('an answer that is odd or slow: the limits hold, and the key is deleted again', { concurrency: 10 }, () => {
  for (const [i, [name, code, attack]] of ODDITIES.entries()) {
    test(`${name} in place of the attestation: ${code}`, async () => {
      const label = `attacked-${i}.x`
      tsb.answer(EXPORT, label, attack)
      const problem = await problemIn(await service.post(order(label)), code)
      assert.deepEqual([problem.transaction?.step, problem.transaction?.rollback], ['export-attestation', 'done'])
      assert.equal(service.simulator.labels().includes(label), false)
    })
  }
  test('a second answer behind the first is never taken for the next one', async () => {
    const second = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'
    const body = '{"errorCode":650,"reason":"res.error.key.not.existent","message":"x"}'
    tsb.answer('/v1/key/attributes', 'split', (socket) => {
      socket.write(`HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}${second}${second}`)
    })
    const answer = await service.post(order('split'))
    assert.equal(answer.status, 201, answer.status === 201 ? '' : await answer.text())
  })
  test('a body without end in place of the attestation is cut, and the key is deleted', async () => {
    tsb.answer(EXPORT, 'endless', FLOODS[0]![2])
    const problem = await problemIn(await service.post(order('endless')), 'tsb-invalid-response')
    assert.deepEqual([problem.transaction?.rollback, service.simulator.labels().includes('endless')], ['done', false])
  })
  test('a redirect to another host takes no credential there, whatever its status', async (t) => {
    const elsewhere = createServer(() => assert.fail('the redirect was followed'))
    await once(elsewhere.listen(0, '127.0.0.1'), 'listening')
    t.after(() => elsewhere.close())
    const location = `http://localhost:${(elsewhere.address() as AddressInfo).port}/v1/key`
    const cells = [300, 301, 302, 303, 307, 308].flatMap((status) => [EXPORT, CREATE].map((path) => ({ status, path })))
    await Promise.all(cells.map(async ({ status, path }) => {
      const labelPrefix = `redirect-${status}-${path.length}`
      tsb.answer(path, labelPrefix, (socket) => {
        socket.end(`HTTP/1.1 ${status} Elsewhere\r\nlocation: ${location}\r\nrefresh: 0;url=${location}\r\nalt-svc: h2="${location}"\r\ncontent-length: 0\r\n\r\n`)
      })
      const problem = await problemIn(await service.post(order('', { label: undefined, labelPrefix })), 'tsb-invalid-response')
      assert.equal(problem.transaction?.rollback, path === EXPORT ? 'done' : 'pending')
      assert.equal(JSON.stringify(problem).includes('localhost'), false)
    }))
  })
})

describe('an attestation that is a bomb is refused by the check that is there for it, and the key is deleted again', () => {
  let start = 0
  before(() => { start = held() })
  after(() => { assert.ok(held() - start < 20_000_000, `held ${held() - start}`) })
  const failed = (problem: ProblemAnswer): CheckResult[] =>
    (problem as unknown as { verification: { checks: CheckResult[] } }).verification.checks.filter(({ outcome }) => outcome === 'failed')

  for (const [name, make, says] of BOMBS) {
    test(`a zip with ${name}`, async () => {
      const bomb = make()
      assert.ok(bomb.length < 4_000_000)
      service.simulator.alter.exportZip = () => bomb
      const highest = peak()
      const problem = await problemIn(await service.post(order('bombed')), 'evidence-rejected')
      delete service.simulator.alter.exportZip
      assert.deepEqual(failed(problem).map(({ id }) => id)[0], 'archive.readable')
      assert.match(failed(problem)[0]?.detail ?? '', says)
      assert.equal(problem.transaction?.rollback, 'done')
      assert.deepEqual(service.simulator.labels().includes('bombed'), false)
      // What these zips promise is a GiB.
      assert.ok(peak() - highest < 200_000_000, `peak ${peak() - highest}`)
    })
  }
  for (const [name, make] of XML_BOMBS) {
    test(`an XML with ${name}, signed by the HSM`, async () => {
      // The first attestation is in the answer of create-key, the second is the export; the undo looks again.
      let attested = 0
      service.simulator.alter.attestationXml = (xml) => ((attested += 1) === 2 ? make(xml) : xml)
      const highest = peak()
      const problem = await problemIn(await service.post(order('xml-bombed')), 'evidence-rejected')
      delete service.simulator.alter.attestationXml
      assert.equal(problem.transaction?.rollback, 'done')
      assert.notDeepEqual(failed(problem), [])
      assert.equal(service.simulator.labels().includes('xml-bombed'), false)
      assert.ok(peak() - highest < 200_000_000)
    })
  }
})

test('after all of this a bundle is issued', async () => {
  assert.equal((await service.post(order('the-last'))).status, 201)
})
