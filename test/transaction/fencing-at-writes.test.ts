import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startPostgres, type Postgres } from '../support/postgres.ts'
import { sceneFor } from '../support/scene.ts'
import { assertRepeatable, settleAll } from './after-a-kill.ts'
import { assertOnly, assertTruth, foreignBundle, rest, told } from './after-a-stop.ts'
import { EVERY_POINT, isKept, PATHS, type Point } from './journal-points.ts'
import { REQUESTS, type RequestKind } from './requests.ts'

interface Case {
  readonly point: Point
  readonly kind: RequestKind
  /** Another transaction completes under the same label while the process stands still. */
  readonly reused: boolean
}

const CASES: readonly Case[] = [
  ...EVERY_POINT.map((point, i): Case => ({ point, kind: i % 4 < 2 ? 'a label' : 'an Idempotency-Key and a key password', reused: true })),
  // What lands late where nothing is in its way.
  { point: ['completed', 'create-key leaves', 'after'], kind: 'a label', reused: false },
  { point: ['completed', 'create-key leaves', 'after'], kind: 'a label prefix', reused: false },
  { point: ['completed', 'create-key leaves', 'after'], kind: 'an Idempotency-Key and a key password', reused: false },
  { point: ['completed', 'the bundle', 'before'], kind: 'a label', reused: false },
]

let postgres: Postgres
let journalUrl: string
before(async () => {
  postgres = await startPostgres()
  journalUrl = await postgres.newDatabase()
})
after(() => postgres.stop())

describe('a process that was stopped beyond its lease', { concurrency: 4 }, () => {
  for (const [i, { point, kind, reused }] of CASES.entries()) {
    const [path, write, when] = point
    const meanwhile = reused ? ', whose label another transaction uses meanwhile' : ''
    test(`${when} “${write}”, on its way to be ${path}, with ${kind}${meanwhile}`, async (t) => {
      const scene = await sceneFor(t, { journalUrl })
      const { breaks, writes } = PATHS[path]
      const victim = scene.launch({ STOP_AT: `journal:${writes.indexOf(write) + 1}:${when}` })
      const request = REQUESTS[kind](`written-${i}`)
      await victim.listening
      breaks(scene)
      const answer = told(scene, victim.post(request.body, request.headers))
      await victim.logged((line) => 'killAt' in line)
      await victim.paused()
      scene.simulator.faults.clear()

      const survivor = await scene.join()
      await settleAll(scene, survivor)
      if (isKept(point)) {
        const [completed] = await scene.rows()
        await assertRepeatable(scene, survivor, request, completed)
        victim.resume()
        assert.equal((await answer).status, 201)
        await assertRepeatable(scene, survivor, request, completed)
        return
      }
      assert.deepEqual(scene.simulator.labels(), [])
      const foreign = reused ? [await foreignBundle(scene, survivor, request)] : []
      victim.resume()
      assertTruth(await answer, write, request.name, foreign)
      assert.deepEqual(await rest(scene), [])
      await assertOnly(scene, survivor, foreign)
    })
  }
})
