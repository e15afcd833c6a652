import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { readPoints } from '../support/kill-points.ts'
import { openScene, sceneFor, type Scene } from '../support/scene.ts'
import { assertRepeatable, assertWhole, settleAll } from './after-a-kill.ts'
import { EVERY_POINT, isKept, PATHS, TELLING_POINTS } from './journal-points.ts'
import { REQUESTS } from './requests.ts'

const CASES = [
  ...EVERY_POINT.map((point) => ['a label', point] as const),
  ...TELLING_POINTS.map((point) => ['a label prefix', point] as const),
]

describe('a process with its journal on SQLite, killed at a write to it', { concurrency: 3 }, () => {
  let home: string
  let requests = 0
  let env: Record<string, string>
  before(async () => {
    home = mkdtempSync(join(tmpdir(), 'kills-'))
    // What the first process compiled need not be compiled by all the others.
    env = { NODE_COMPILE_CACHE: join(home, 'compiled') }
    const scene = await openScene({ env })
    await assertWritesAreAll(scene).finally(() => scene.close())
  })
  after(() => { rmSync(home, { recursive: true, force: true }) })

  /** The points below are all that there are. */
  async function assertWritesAreAll(scene: Scene): Promise<void> {
    const file = join(home, 'points')
    const service = scene.launch({ POINTS_FILE: file })
    let seen = 0
    for (const [path, { breaks, writes }] of Object.entries(PATHS)) {
      breaks(scene)
      await (await service.post(REQUESTS['a label'](path.replaceAll(' ', '-')).body)).arrayBuffer()
      const points = readPoints(file).filter(({ kind }) => kind === 'journal')
      assert.equal(points.length - seen, writes.length, `${path}: ${JSON.stringify(points.slice(seen), undefined, 2)}`)
      seen = points.length
    }
    assert.equal((await service.stop()).code, 0)
  }

  for (const [kind, [path, write, when]] of CASES) {
    test(`${when} “${write}”, on its way to be ${path}, with ${kind}`, async (t) => {
      const scene = await sceneFor(t, { env })
      const { breaks, writes } = PATHS[path]
      const victim = scene.launch({ DIE_AT: `journal:${writes.indexOf(write) + 1}:${when}` })
      const request = REQUESTS[kind](`seal-${++requests}`)
      await victim.listening
      breaks(scene)
      await assert.rejects(victim.post(request.body, request.headers), TypeError)
      assert.equal((await victim.exited).signal, 'SIGKILL')
      scene.simulator.faults.clear()

      const app = await scene.join()
      await settleAll(scene, app)
      const [completed] = await assertWhole(scene, app)
      assert.equal(completed !== undefined, isKept([path, write, when]))
      await assertRepeatable(scene, app, request, completed)
    })
  }
})
