import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import pkg from '../../package.json' with { type: 'json' }
import { startServiceProcess } from '../support/process.ts'
import { openStage, type Stage } from './settings.ts'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

describe('no image of the memory is made', () => {
  let stage: Stage
  before(async () => { stage = await openStage() })
  after(() => stage.close())

  test('the image and npm start run the same command', () => {
    const command = /^CMD (\[.*"src\/server\.ts"\])$/m.exec(read('Dockerfile'))?.[1] ?? '[]'
    assert.deepEqual(JSON.parse(command), pkg.scripts.start.split(' '))
  })

  test('nothing asks Node for a debugger, a dump, a snapshot, a profile or a report, or to print what it does', () => {
    for (const text of [read('Dockerfile'), read('docker-compose.yml'), JSON.stringify(pkg.scripts)]) {
      assert.doesNotMatch(text, /--(report|heap|diagnostic-dir|abort-on|inspect|cpu-prof|trace|allow)|NODE_DEBUG|NODE_REPORT/)
      assert.doesNotMatch(text.replace('NODE_OPTIONS=--disable-warning=ExperimentalWarning eslint', ''), /NODE_OPTIONS/)
    }
    assert.match(read('docker-compose.yml'), /ulimits: \{ core: 0 \}/)
  })

  test('SIGUSR1 opens no debugger, and the service goes on', async () => {
    const service = await startServiceProcess(stage.env)
    process.kill(service.pid, 'SIGUSR1')
    // Node would say so before it takes the next connection.
    for (let i = 0; i < 3; i += 1) assert.equal((await service.get('/livez')).status, 200)
    assert.equal((await service.stop()).code, 0)
    assert.doesNotMatch(service.written(), /Debugger/)
  })
})
