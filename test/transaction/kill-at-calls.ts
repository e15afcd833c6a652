import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CallName, Fault } from '../../src/simulator/simulator.ts'
import { sceneFor, type Scene } from '../support/scene.ts'
import type { ServiceProcess } from '../support/process.ts'
import { allOwed, assertRepeatable, assertWhole, settleAll } from './after-a-kill.ts'
import { REQUESTS, type CallerRequest, type RequestKind } from './requests.ts'

/** What makes a transaction take a path, and the calls that are its own. `skip`: so many calls of this name come earlier on the path. */
interface Way {
  readonly breaks: (scene: Scene) => void
  readonly calls: readonly (readonly [call: CallName, skip: number])[]
}

const LOOK: Way['calls'] = [['key-attributes', 0]]
const SECOND_LOOK: Way['calls'] = [['key-attributes', 1]]

/** @param looks for the key: once before the flow creates it and once before it takes it back, or never */
const waysWith = (looks: 0 | 1): readonly Way[] => [
  { breaks: () => undefined, calls: [...LOOK.slice(0, looks), ['create-key', 0], ['certificate-request', 0], ['key-attestation', 0]] },
  {
    breaks: ({ simulator }) => { simulator.faults.set('certificate-request', { kind: 'hsm-error' }) },
    calls: [...SECOND_LOOK.slice(0, looks), ['delete-key', 0], ['key-attributes', 2 * looks], ['delete-certificate', 0]],
  },
  {
    breaks: ({ simulator }) => { simulator.faults.set('create-key', { kind: 'reset-after' }) },
    calls: [...SECOND_LOOK.slice(0, looks), ['delete-key', 0], ['key-attributes', 2 * looks]],
  },
]
const WAYS: Readonly<Record<RequestKind, readonly Way[]>> = {
  'a label': waysWith(1), 'a label prefix': waysWith(0), 'an Idempotency-Key and a key password': waysWith(1),
}

/** `hang-before`: the HSM has the request and does nothing; `hang-after`: it did what was asked, and nobody hears of it. */
const HANGS = [['before', 'hang-before', 'arrived'], ['after', 'hang-after', 'acted']] as const

/** Sends a request and waits until it stands still at one of its calls. */
async function park(
  scene: Scene, victim: ServiceProcess, request: CallerRequest, [call, skip]: Way['calls'][number], [, kind, stage]: typeof HANGS[number],
): Promise<{ unanswered: Promise<void> }> {
  const { faults } = scene.simulator
  faults.set(call, { kind, skip } as Fault)
  const unanswered = assert.rejects(victim.post(request.body, request.headers), TypeError, request.name)
  for (let i = 0; i <= skip; i += 1) await scene.simulator.next(call, stage)
  // What comes first on the way was met by now; the next one sets its own.
  faults.clear()
  return { unanswered }
}

/**
 * One process with a transaction at every call, before and after the HSM did what was asked; killed; and what followed it killed as well.
 * @param journalUrl of an engine: JOURNAL_URL, or nothing for SQLite
 */
export function killsAtCalls(journalUrl: () => string | undefined): void {
  // The first transaction of a process asks for the TSB's version, and all others wait for the answer.
  for (const [when, kind, stage] of HANGS) {
    test(`killed at its question for the TSB's version, ${when} that was answered`, async (t) => {
      const scene = await sceneFor(t, stageOf(journalUrl()))
      const victim = scene.launch()
      const request = REQUESTS['a label'](`version-${when}`)
      await victim.listening
      scene.simulator.faults.set('version-info', { kind })
      const asked = scene.simulator.next('version-info', stage)
      const unanswered = assert.rejects(victim.post(request.body), TypeError)
      await asked
      await victim.kill()
      await unanswered
      const app = await scene.join()
      await settleAll(scene, app)
      await assertWhole(scene, app)
      await assertRepeatable(scene, app, [{ request }])
    })
  }

  // A process per kind: a rollback that stands still is given up after 20 s, and the slowest machine must come to the kill before.
  for (const [kind, ways] of Object.entries(WAYS) as [RequestKind, readonly Way[]][]) {
    test(`killed at every call to the TSB, before and after it acted, on each way, with ${kind}`, async (t) => {
      const scene = await sceneFor(t, stageOf(journalUrl()))
      const victim = scene.launch()
      await victim.listening
      const requests: CallerRequest[] = []
      const unanswered: Promise<void>[] = []
      for (const { breaks, calls } of ways) {
        for (const call of calls) {
          for (const hang of HANGS) {
            const request = REQUESTS[kind](`call-${requests.length}-${hang[0]}-${call[0]}`)
            requests.push(request)
            breaks(scene)
            unanswered.push((await park(scene, victim, request, call, hang)).unanswered)
          }
        }
      }
      await victim.kill()
      await Promise.all(unanswered)
      assert.equal((await scene.rows('open')).length, requests.length)

      const app = await scene.join()
      await settleAll(scene, app)
      assert.deepEqual(await assertWhole(scene, app), [])
      const again = await Promise.all(requests.map(({ body, headers }) => app.post(body, headers)))
      assert.deepEqual(again.map(({ status }) => status), requests.map(() => 201))
    })
  }

  test('killed when create-key was sent, which lands only after the next process looked for the key', async (t) => {
    const scene = await sceneFor(t, { ...stageOf(journalUrl()), env: { SETTLE_AFTER_MS: '60000' } })
    const victim = scene.launch()
    await victim.listening
    const requests = Object.values(REQUESTS).map((make, i) => make(`late-${i}`))
    const arrived: Promise<void>[] = []
    for (const { body, headers } of requests) {
      scene.simulator.faults.set('create-key', { kind: 'late' })
      const sent = scene.simulator.next('create-key')
      arrived.push(assert.rejects(victim.post(body, headers), TypeError))
      await sent
    }
    await victim.kill()
    await Promise.all(arrived)

    const app = await scene.join()
    await allOwed(scene, app)
    assert.deepEqual(scene.simulator.labels(), [])
    await scene.simulator.releaseLate()
    assert.equal(scene.simulator.labels().length, requests.length)
    await scene.elapse(61_000)
    await settleAll(scene, app)
    await assertWhole(scene, app)
    await assertRepeatable(scene, app, requests.map((request) => ({ request })))
  })
}

/** @returns what `openScene` takes for an engine */
const stageOf = (journalUrl: string | undefined): { journalUrl?: string } => (journalUrl === undefined ? {} : { journalUrl })
