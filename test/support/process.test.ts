import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { startSimulator, type Simulator } from '../../src/simulator/simulator.ts'
import { processState } from './process-state.ts'
import { launchService, startServiceProcess } from './process.ts'
import { order, sharedPki } from './service.ts'

let simulator: Simulator
let home: string
let settings: Record<string, string>
before(async () => {
  simulator = await startSimulator({ pki: await sharedPki() })
  home = mkdtempSync(join(tmpdir(), 'process-'))
  writeFileSync(join(home, 'root.pem'), simulator.rootPem)
  settings = { TSB_URL: simulator.url, TRUST_ANCHORS_FILE: join(home, 'root.pem'), JOURNAL_URL: `file:${join(home, 'journal.sqlite')}` }
})
after(async () => {
  await simulator.close()
  rmSync(home, { recursive: true, force: true })
})

describe('the service in a process of its own', { concurrency: true }, () => {
  test('is asked, heard, paused, resumed and killed', async () => {
    const service = await startServiceProcess(settings)
    assert.equal((await service.post(order('process-1'))).status, 201)
    assert.equal((await service.logged(({ call }) => call === 'create-key'))['call'], 'create-key')
    await service.pause()
    assert.equal(processState(service.pid), 'T')
    const answer = service.get('/livez')
    service.resume()
    assert.equal((await answer).status, 200)

    const arrived = simulator.next('create-key')
    simulator.faults.set('create-key', { kind: 'hang-before' })
    const unanswered = assert.rejects(service.post(order('process-2')), TypeError)
    await arrived
    await service.pause()
    assert.equal((await service.kill()).signal, 'SIGKILL')
    await unanswered
    assert.equal(processState(service.pid), undefined)
    await assert.rejects(service.logged(({ msg }) => msg === 'never said'), /^Error: The service ended without the log line\./)
    await assert.rejects(service.paused(), /^Error: The service ended in place of standing still\./)
  })

  test('tells why it cannot start', async () => {
    const service = launchService({ ...settings, TSB_URL: '' })
    const { code, stderr } = await service.exited
    assert.equal(code, 78)
    assert.match(stderr, /^TSB_URL: /)
    await assert.rejects(service.listening, /ended without the log line\.[\s\S]*TSB_URL: /)
  })

  test('ends with its test process, even when that is killed and it stands still itself', async () => {
    const script = `import { startServiceProcess } from '${new URL('./process.ts', import.meta.url).href}'
      const service = await startServiceProcess(${JSON.stringify({ ...settings, JOURNAL_URL: `file:${join(home, 'third.sqlite')}` })})
      await service.pause()
      console.log(service.pid)
      process.stdin.resume().on('end', () => process.kill(process.pid, 'SIGKILL'))`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'pipe'] })
    const [pid] = await once(child.stdout.setEncoding('utf8'), 'data') as [string]
    assert.equal(processState(Number(pid)), 'T')
    const everythingEnded = text(child.stderr)
    child.stdin.end()
    assert.equal(await everythingEnded, '')
    assert.ok(['Z', undefined].includes(processState(Number(pid))))
  })
})
