import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { readPoints } from '../support/kill-points.ts'
import { sceneFor } from '../support/scene.ts'
import { PATHS, writesOf, type Path } from './journal-points.ts'
import { killsAtWrites } from './kill-at-writes.ts'
import { REQUESTS, type RequestKind } from './requests.ts'

const WAYS: readonly (readonly [RequestKind, Path])[] = [['a label', 'completed'], ['a label', 'rolled back'], ['a label', 'owed at first'], ['a label prefix', 'completed']]

describe('a process with its journal on SQLite', { concurrency: 2 }, () => {
  killsAtWrites(() => undefined)

  test('waits for its journal at these points and at no others', async (t) => {
    const home = mkdtempSync(join(tmpdir(), 'kills-'))
    t.after(() => { rmSync(home, { recursive: true, force: true }) })
    const scene = await sceneFor(t)
    const file = join(home, 'points')
    const service = scene.launch({ POINTS_FILE: file })
    let seen = 0
    for (const [request, path] of WAYS) {
      PATHS[path].breaks(scene)
      await (await service.post(REQUESTS[request](path.replaceAll(' ', '-')).body)).arrayBuffer()
      const points = readPoints(file).filter(({ kind, sql }) => kind === 'journal' && sql !== 'commit')
      assert.equal(points.length - seen, writesOf(path, request).length, `${path}: ${JSON.stringify(points.slice(seen), undefined, 2)}`)
      seen = points.length
    }
    assert.equal((await service.stop()).code, 0)
  })
})
