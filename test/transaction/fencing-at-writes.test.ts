import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startPostgres, type Postgres } from '../support/postgres.ts'
import { sceneFor } from '../support/scene.ts'
import { assertRepeatable, settleAll } from './after-a-kill.ts'
import { assertOnly, assertTruth, bundleIn, foreignBundle, rest, told } from './after-a-stop.ts'
import { groupsOf, holdAtWrites } from './held-writes.ts'
import { EVERY_POINT, isKept, PATHS, writesOf, type Point } from './journal-points.ts'
import { REQUESTS, type RequestKind } from './requests.ts'

/** Where a process stops in its own code: the write has not left, or its answer has come and is not heard. */
const IN_THE_CODE: readonly (readonly [point: Point, kind: RequestKind, reused: boolean])[] = [
  [['completed', 'create-key leaves', 'before'], 'a label', true],
  [['completed', 'create-key leaves', 'after'], 'a label', true],
  [['completed', 'the row', 'after'], 'a label prefix', false],
  [['completed', 'create-key leaves', 'after'], 'an Idempotency-Key and a key password', false],
  [['completed', 'the bundle', 'before'], 'an Idempotency-Key and a key password', true],
  [['rolled back', 'the delete leaves', 'after'], 'a label', true],
]

let postgres: Postgres
let journalUrl: string
before(async () => {
  postgres = await startPostgres()
  journalUrl = await postgres.newDatabase()
})
after(() => postgres.stop())

describe('a process that was stopped beyond its lease', { concurrency: 3 }, () => {
  for (const [i, group] of groupsOf(EVERY_POINT).entries()) {
    const places = group.map(([path, write, when]) => `${when} “${write}” on its way to be ${path}`)
    test(`completes nothing that was taken over, and leaves alone who has its label: ${places.join('; ')}`, async (t) => {
      const scene = await sceneFor(t, { journalUrl })
      const kind: RequestKind = i % 2 === 0 ? 'a label' : 'an Idempotency-Key and a key password'
      const requests = group.map((point, n) => ({ point, request: REQUESTS[kind](`write-${i}-${n}`) }))
      const { victim, transactions } = await holdAtWrites(t, scene, journalUrl, kind, requests)
      await victim.pause()

      const survivor = await scene.join()
      await settleAll(scene, survivor)
      const kept = transactions.filter(({ point }) => isKept(point))
      const lost = transactions.filter(({ point }) => !isKept(point))
      assert.deepEqual(scene.simulator.labels().sort(), kept.map(({ request }) => request.name).sort())
      const completed = await Promise.all(kept.map(({ request }) => bundleIn(scene, request.name)))
      const foreign = await Promise.all(lost.map(({ request }) => foreignBundle(scene, survivor, request)))
      const answers = transactions.map(({ answer }) => told(scene, answer))
      victim.resume()
      for (const { held } of transactions) held.release()
      for (const [n, { point, request }] of transactions.entries()) {
        const answer = (await answers[n])!
        if (isKept(point)) assert.equal(answer.status, 201, answer.text)
        else assertTruth(answer, point.join(', '), request.name, foreign)
      }
      assert.deepEqual(await rest(scene), [])
      await assertOnly(scene, survivor, [...completed, ...foreign])
    })
  }

  test('in its code, at six writes at once, four of their labels used by another transaction meanwhile', async (t) => {
    const scene = await sceneFor(t, { journalUrl })
    const victim = scene.launch({ HOLD_AT: IN_THE_CODE.map(([[path, write, when], kind]) => `journal:${writesOf(path, kind).indexOf(write) + 1}:${when}`).join() })
    await victim.listening
    const transactions = []
    for (const [i, [point, kind, reused]] of IN_THE_CODE.entries()) {
      const request = REQUESTS[kind](`code-${i}`)
      PATHS[point[0]].breaks(scene)
      const answer = told(scene, victim.post(request.body, request.headers))
      await victim.logged((line) => 'killAt' in line && victim.log.filter((each) => 'killAt' in each).length > i)
      scene.simulator.faults.clear()
      transactions.push({ point, reused, request, answer })
    }
    await victim.pause()

    const survivor = await scene.join()
    await settleAll(scene, survivor)
    assert.deepEqual(scene.simulator.labels(), [])
    const foreign = await Promise.all(transactions.filter(({ reused }) => reused).map(({ request }) => foreignBundle(scene, survivor, request)))
    victim.resume()
    for (const { point, request, answer } of transactions) assertTruth(await answer, point.join(', '), request.name, foreign)
    assert.deepEqual(await rest(scene), [])
    await assertOnly(scene, survivor, foreign)
    await assertRepeatable(scene, survivor, transactions.filter(({ reused }) => !reused))
  })
})
