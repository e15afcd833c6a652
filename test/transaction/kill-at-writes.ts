import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sceneFor } from '../support/scene.ts'
import { assertRepeatable, assertWhole, settleAll } from './after-a-kill.ts'
import { EVERY_POINT, isKept, PATHS, tellingPoints, writesOf, type Point } from './journal-points.ts'
import { REQUESTS, type RequestKind } from './requests.ts'

const casesOf = (kind: RequestKind, points: readonly Point[]): (readonly [RequestKind, Point])[] => points.map((point) => [kind, point])
const CASES = [
  ...(['a label prefix', 'an Idempotency-Key and a key password'] as const).flatMap((kind) => casesOf(kind, tellingPoints(kind))),
  // Last of them the debts, which the process itself would take up again after a while.
  ...casesOf('a label', EVERY_POINT),
]

/**
 * One process with a transaction at every write to its journal, before and after the write; killed.
 * @param journalUrl of an engine: JOURNAL_URL, or nothing for SQLite
 */
export function killsAtWrites(journalUrl: () => string | undefined): void {
  test('killed at every write to the journal, before and after it, on each way', async (t) => {
    const url = journalUrl()
    const scene = await sceneFor(t, url === undefined ? {} : { journalUrl: url })
    // It stands still for longer than the others here, and must not lose its rows to its own recovery.
    const victim = scene.launch({ LEASE_MS: '5000', HOLD_AT: CASES.map(([kind, [path, write, when]]) => `journal:${writesOf(path, kind).indexOf(write) + 1}:${when}`).join() })
    await victim.listening
    const transactions = []
    for (const [i, [kind, point]] of CASES.entries()) {
      const request = REQUESTS[kind](`write-${String(i).padStart(2, '0')}`)
      PATHS[point[0]].breaks(scene)
      const unanswered = assert.rejects(victim.post(request.body, request.headers), TypeError, request.name)
      await victim.logged((line) => 'killAt' in line && victim.log.filter((each) => 'killAt' in each).length > i)
      scene.simulator.faults.clear()
      transactions.push({ point, request, unanswered })
    }
    await victim.kill()
    await Promise.all(transactions.map(({ unanswered }) => unanswered))

    const app = await scene.join()
    await settleAll(scene, app)
    const whole = await assertWhole(scene, app)
    const results = transactions.map(({ request, point }) =>
      ({ request, point, completed: whole.find(({ label }) => label === request.name || label.startsWith(`${request.name}-`)) }))
    const kept = results.filter(({ completed }) => completed !== undefined)
    assert.deepEqual(kept.map(({ point }) => point.join(', ')), results.filter(({ point }) => isKept(point)).map(({ point }) => point.join(', ')))
    await assertRepeatable(scene, app, results)
  })
}
