import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Transaction } from '../../src/journal/journal.ts'
import type { StoredKey } from '../../src/simulator/simulator.ts'
import type { ProblemAnswer } from '../support/problem.ts'
import { assertBundle, type Scene } from '../support/scene.ts'
import type { RunningApp } from '../support/service.ts'
import { LAST_LATE_LOOK_MS } from './after-a-kill.ts'
import type { CallerRequest } from './requests.ts'

/** What the caller of a process that stood still was told, and which keys the HSM held then. */
interface Told {
  readonly status: number
  readonly text: string
  readonly keys: readonly StoredKey[]
}

/** The key of another transaction, and where its bundle is. */
export interface Foreign {
  readonly label: string
  readonly key: StoredKey
  readonly path: string
}

const PATIENCE_MS = 20_000
const POLL_MS = 50

const keysIn = ({ simulator }: Scene): StoredKey[] => simulator.labels().map((label) => simulator.key(label))

/** Reads an answer as soon as it comes, and looks what the HSM holds just then. */
export async function told(scene: Scene, answer: Promise<Response>): Promise<Told> {
  const response = await answer
  const text = response.headers.get('content-type') === 'application/zip' ? 'a bundle' : await response.text()
  return { status: response.status, text, keys: keysIn(scene) }
}

/** Has another process complete the same request while the first one stands still. */
export async function foreignBundle({ simulator }: Scene, app: RunningApp, { body, headers }: CallerRequest): Promise<Foreign> {
  const answer = await app.post(body, { ...headers, accept: 'application/json' })
  assert.equal(answer.status, 201)
  const { id, label } = await answer.json() as { id: string; label: string }
  return { label, key: simulator.key(label), path: `/v1/attestation-bundles/${id}` }
}

/** @returns the key and the bundle that a transaction completed before its process stood still */
export async function bundleIn(scene: Scene, label: string): Promise<Foreign> {
  const row = (await scene.rows()).find((each) => each.label === label && each.state === 'committed')
  assert.ok(row, `${label} is not committed`)
  return { label, key: scene.simulator.key(label), path: `/v1/attestation-bundles/${row.id}` }
}

/**
 * Asserts that a caller was told of a failure, and of what was left at the HSM as it was.
 * @param where the process stood still
 * @param name how the label began
 */
export function assertTruth({ status, text, keys }: Told, where: string, name: string, foreign: readonly Foreign[]): void {
  const said = `${where}: ${status} ${text}`
  assert.ok(status >= 400, said)
  const { transaction } = JSON.parse(text) as ProblemAnswer
  const own = keys.filter((key) => (key.label === name || key.label.startsWith(`${name}-`)) && !foreign.some((each) => each.key === key))
  if (transaction?.rollback === 'done' || transaction?.rollback === 'not-needed') assert.deepEqual(own, [], said)
  else assert.equal(transaction?.rollback, 'pending', said)
}

/** Waits until nobody works on anything any more, letting time pass for what waits. @returns what an operator would have to look at */
export async function rest(scene: Scene): Promise<readonly Transaction[]> {
  for (const end = Date.now() + PATIENCE_MS; ;) {
    const open = await scene.rows('open')
    if (open.every(({ state }) => state === 'abandoned')) return open
    assert.ok(Date.now() < end, `still open: ${JSON.stringify(open)}`)
    await scene.elapse(LAST_LATE_LOOK_MS)
    await delay(POLL_MS)
  }
}

/** Asserts that the HSM holds the keys of the other transactions, the very same, and nothing else; and that their bundles are served. */
export async function assertOnly(scene: Scene, app: RunningApp, foreign: readonly Foreign[]): Promise<void> {
  const labels = scene.simulator.labels()
  assert.deepEqual(foreign.filter(({ label }) => !labels.includes(label)), [])
  assert.deepEqual(labels.filter((label) => !foreign.some((each) => each.label === label)), [])
  for (const { label, key, path } of foreign) {
    assert.equal(scene.simulator.key(label), key)
    await assertBundle(await app.get(path), scene.simulator, label)
  }
}
