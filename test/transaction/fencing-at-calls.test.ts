import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startPostgres, type Postgres } from '../support/postgres.ts'
import { problemIn } from '../support/problem.ts'
import type { ServiceProcess } from '../support/process.ts'
import { sceneFor, type Scene } from '../support/scene.ts'
import { startTextProxy, type Held, type TcpProxy } from '../support/tcp-proxy.ts'
import { allOwed, settleAll } from './after-a-kill.ts'
import { assertOnly, assertTruth, foreignBundle, rest, told } from './after-a-stop.ts'
import { REQUESTS, type CallerRequest, type RequestKind } from './requests.ts'

interface Stopped {
  readonly place: Place
  /** While the process stands still, another one completes a transaction under the label. */
  readonly reused: boolean
  readonly request: CallerRequest
  readonly answer: ReturnType<typeof told>
  readonly held: Held<string>
}

/** Requests to the TSB by how they begin. */
const CALLS = {
  'key-attributes': 'POST /v1/key/attributes ',
  'create-key': 'POST /v1/key ',
  'certificate-request': 'POST /v1/certificate/synchronous/request ',
  'key-attestation': 'POST /v1/key/keyAttestation ',
  'delete-key': 'POST /v1/key/deleteKey ',
  'delete-certificate': 'DELETE /v1/certificate/',
}
type Call = keyof typeof CALLS

/** Where a transaction stands still. `skip`: so many calls of this name come earlier. */
interface Place {
  readonly kind: RequestKind
  readonly call: Call
  readonly skip?: number
  readonly when: 'before' | 'after'
  /** The CSR fails, so that the key is taken back. */
  readonly failing?: true
  /** The connection breaks in place of going on. */
  readonly cut?: true
}

const both = (place: Omit<Place, 'when'>): Place[] => [{ ...place, when: 'before' }, { ...place, when: 'after' }]
const placesOf = (kind: RequestKind, looks: number): readonly Place[] => [
  ...(looks === 1 ? both({ kind, call: 'key-attributes' }) : []),
  ...both({ kind, call: 'create-key' }), ...both({ kind, call: 'create-key', cut: true }),
  ...both({ kind, call: 'certificate-request' }), ...both({ kind, call: 'key-attestation' }),
  ...(looks === 1 ? both({ kind, call: 'key-attributes', skip: 1, failing: true }) : []),
  ...both({ kind, call: 'delete-key', failing: true }), ...both({ kind, call: 'delete-key', failing: true, cut: true }),
  ...both({ kind, call: 'key-attributes', skip: 2 * looks, failing: true }),
  ...both({ kind, call: 'delete-certificate', failing: true }),
]
const PLACES: Readonly<Record<RequestKind, readonly Place[]>> = {
  'a label': placesOf('a label', 1),
  'a label prefix': placesOf('a label prefix', 0),
  'an Idempotency-Key and a key password': placesOf('an Idempotency-Key and a key password', 1),
}

let postgres: Postgres
let journalUrl: string
let count = 0
before(async () => {
  postgres = await startPostgres()
  journalUrl = await postgres.newDatabase()
})
after(() => postgres.stop())

/** Sends a request through the proxy and waits until it stands still at its place. */
async function stopAt(place: Place, reused: boolean, name: string, scene: Scene, victim: ServiceProcess, proxy: TcpProxy<string>): Promise<Stopped> {
  const { kind, call, skip = 0, when, failing } = place
  const request = REQUESTS[kind](name)
  const matches = (said: string): boolean => said.startsWith(CALLS[call]) && new RegExp(`${name}[" -]`).test(said)
  if (failing) scene.simulator.faults.set('certificate-request', { kind: 'hsm-error' })
  const passed = Array.from({ length: skip }, () => proxy.seen(matches))
  const stops = when === 'before' ? proxy.holdBefore(matches) : proxy.holdAfter(matches)
  const answer = told(scene, victim.post(request.body, request.headers))
  await Promise.all(passed)
  const held = await stops
  return { place, reused, request, answer, held }
}

describe('a process that was stopped beyond its lease at each call to the TSB', { concurrency: 3 }, () => {
  for (const kind of Object.keys(PLACES) as RequestKind[]) {
    test(`with ${kind}: completes nothing and leaves nothing, and leaves alone whose key has the label by then`, async (t) => {
      const scene = await sceneFor(t, { journalUrl })
      const proxy = await startTextProxy(scene.simulator.url)
      t.after(() => proxy.stop())
      const victim = scene.launch({ TSB_URL: proxy.url })
      await victim.listening
      const stopped: Stopped[] = []
      for (const place of PLACES[kind]) {
        // A delete that is on its way when the lease ends can only be waited for: the last test.
        for (const reused of place.call === 'delete-key' && place.when === 'before' ? [false] : [false, true]) {
          stopped.push(await stopAt(place, reused, `stop-${count += 1}`, scene, victim, proxy))
        }
      }
      await victim.pause()

      const survivor = await scene.join()
      await settleAll(scene, survivor)
      assert.deepEqual(scene.simulator.labels(), [])
      const foreign = await Promise.all(stopped.filter(({ reused }) => reused).map(({ request }) => foreignBundle(scene, survivor, request)))
      victim.resume()
      for (const { place, held } of stopped) if (place.cut) held.cut(); else held.release()
      for (const { place, answer, request } of stopped) assertTruth(await answer, JSON.stringify(place), request.name, foreign)
      // A create whose answer was lost: the key that has its label now can't be shown to be another one's, so an operator is told of it.
      const isDoubtful = ({ kind, call, cut }: Place): boolean => call === 'create-key' && cut === true && kind !== 'a label prefix'
      const doubtful = stopped.filter(({ place, reused }) => reused && isDoubtful(place))
      assert.deepEqual((await rest(scene)).map(({ label }) => label).sort(), doubtful.map(({ request }) => request.name).sort())
      await assertOnly(scene, survivor, foreign)
    })
  }

  test('whose delete was on its way frees the label only when that has arrived', async (t) => {
    const scene = await sceneFor(t, { journalUrl, env: { SETTLE_AFTER_MS: '60000' } })
    const proxy = await startTextProxy(scene.simulator.url)
    t.after(() => proxy.stop())
    const victim = scene.launch({ TSB_URL: proxy.url })
    await victim.listening
    const place: Place = { kind: 'a label', call: 'delete-key', when: 'before', failing: true }
    const { answer, held, request } = await stopAt(place, false, 'on-its-way', scene, victim, proxy)
    await victim.pause()

    const survivor = await scene.join()
    await allOwed(scene, survivor)
    assert.deepEqual(scene.simulator.labels(), [])
    await problemIn(await survivor.post(request.body), 'key-label-taken')
    const arrived = scene.simulator.next('delete-key', 'acted')
    held.release()
    await arrived
    await scene.elapse(60_000)
    assert.deepEqual(await rest(scene), [])
    const foreign = [await foreignBundle(scene, survivor, request)]
    victim.resume()
    assertTruth(await answer, 'delete-key', request.name, foreign)
    await assertOnly(scene, survivor, foreign)
  })
})
