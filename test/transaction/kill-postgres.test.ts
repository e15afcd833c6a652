import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startPostgres, type Postgres } from '../support/postgres.ts'
import { sceneFor } from '../support/scene.ts'
import { assertRepeatable, assertWhole, settleAll } from './after-a-kill.ts'
import { groupsOf, holdAtWrites } from './held-writes.ts'
import { EVERY_POINT, isKept, TELLING_POINTS } from './journal-points.ts'
import { killsAtCalls } from './kill-at-calls.ts'
import { REQUESTS } from './requests.ts'

const CASES = [
  ...EVERY_POINT.map((point) => ['a label', point] as const),
  ...TELLING_POINTS.map((point) => ['a label prefix', point] as const),
  ...TELLING_POINTS.map((point) => ['an Idempotency-Key and a key password', point] as const),
]

describe('a process with its journal on PostgreSQL', { concurrency: 3 }, () => {
  let postgres: Postgres
  let journalUrl: string
  before(async () => {
    postgres = await startPostgres()
    journalUrl = await postgres.newDatabase()
  })
  after(() => postgres.stop())

  killsAtCalls(() => journalUrl)

  for (const [i, group] of groupsOf(CASES).entries()) {
    const places = group.map(([kind, [path, write, when]]) => `${when} “${write}” on its way to be ${path}, with ${kind}`)
    test(`killed at writes to the journal: ${places.join('; ')}`, async (t) => {
      const scene = await sceneFor(t, { journalUrl })
      const requests = group.map(([kind, point], n) => ({ point, request: REQUESTS[kind](`write-${i}-${n}`) }))
      const { victim, transactions } = await holdAtWrites(t, scene, journalUrl, requests)
      await victim.kill()
      for (const { held, answer } of transactions) {
        held.cut()
        await assert.rejects(answer, TypeError)
      }

      const app = await scene.join()
      await settleAll(scene, app)
      const completed = await assertWhole(scene, app)
      const bundleOf = (name: string) => completed.find(({ label }) => label === name || label.startsWith(`${name}-`))
      for (const { request, point } of transactions) assert.equal(bundleOf(request.name) !== undefined, isKept(point), point.join(', '))
      for (const { request } of transactions) await assertRepeatable(scene, app, request, bundleOf(request.name))
    })
  }
})
