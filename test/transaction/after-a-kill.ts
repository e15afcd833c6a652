import assert from 'node:assert/strict'
import type { Transaction } from '../../src/journal/journal.ts'
import { assertBundle, type Scene } from '../support/scene.ts'
import type { RunningApp } from '../support/service.ts'
import type { CallerRequest } from './requests.ts'

const SETTLED = 'an owed deletion is settled'
const OWED = 'a key may be left at the HSM: its deletion is owed and tried again'
/** Under a label of its own, a create that was not seen to land is looked for during this time (design: "The look before"). */
export const LAST_LATE_LOOK_MS = 3_600_000

/**
 * Waits until an app has settled every row that is open. Under a label prefix the last look for a create that may land late comes after an
 * hour, which is made to pass.
 */
export async function settleAll(scene: Scene, app: RunningApp): Promise<void> {
  const rows = await scene.rows('open')
  const prefixed = rows.filter(({ labelIsOurs }) => labelIsOurs)
  const first = await Promise.all(prefixed.map(({ id }) => said(app, id, SETTLED, OWED)))
  if (first.includes(OWED)) await scene.elapse(LAST_LATE_LOOK_MS)
  await Promise.all(rows.map(({ id }) => said(app, id, SETTLED)))
}

const said = async (app: RunningApp, id: string, ...messages: readonly string[]): Promise<unknown> =>
  (await app.logged((line) => line['transaction'] === id && messages.includes(String(line['msg']))))['msg']

/** Waits until an app has found that a key may be left for these rows, and looks again later. */
export async function allOwed(scene: Scene, app: RunningApp): Promise<void> {
  const rows = await scene.rows('open')
  await Promise.all(rows.map(({ id }) => said(app, id, OWED)))
}

/** Asserts that nothing is owed and that the HSM holds no keys but those of completed bundles, which are served and pass verification. */
export async function assertWhole(scene: Scene, app: RunningApp): Promise<readonly Transaction[]> {
  assert.deepEqual(await scene.rows('open'), [])
  const committed = (await scene.rows()).filter(({ state }) => state === 'committed')
  assert.deepEqual(scene.simulator.labels().sort(), committed.map(({ label }) => label).sort())
  for (const { id, label } of committed) await assertBundle(await app.get(`/v1/attestation-bundles/${id}`), scene.simulator, label)
  return committed
}

/**
 * Asserts that the same requests, sent again, get a bundle each: their first one where that was completed, or else a new one.
 * @param requests with the transaction that completed each, if any
 */
export async function assertRepeatable(
  scene: Scene, app: RunningApp, requests: readonly { readonly request: CallerRequest; readonly completed?: Transaction | undefined }[],
): Promise<void> {
  for (const { request: { body, headers }, completed } of requests) {
    const again = await app.post(body, headers)
    if (completed === undefined) {
      assert.equal(again.status, 201)
    } else if (completed.idempotency !== undefined) {
      assert.deepEqual([again.status, again.headers.get('idempotency-replayed')], [200, 'true'])
      await assertBundle(again, scene.simulator, completed.label)
    } else if (!completed.labelIsOurs) {
      const { code, existing } = await again.json() as { code: string; existing: string }
      assert.deepEqual([code, existing], ['key-label-taken', `/v1/attestation-bundles/${completed.id}`])
    } else {
      assert.equal(again.status, 201)
    }
  }
  await assertWhole(scene, app)
}
