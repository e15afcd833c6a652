import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startSimulator, type Simulator } from '../../src/simulator/simulator.ts'
import { startPostgres, type Postgres } from '../support/postgres.ts'
import { startServiceProcess, type ServiceProcess } from '../support/process.ts'
import { order, sharedPki } from '../support/service.ts'
import { watchJournal, type Row, type WatchedJournal } from '../support/watched-journal.ts'

const LABELS = Array.from({ length: 10 }, (_, n) => `label-${n}`)
const REQUESTS = 100
/** Creates that go through before the rest stands still: some transactions of both end as usual. */
const FREE_CREATES = 4
const UNFINISHED = ['began', 'key-created', 'csr-generated', 'attested', 'rolling-back', 'rollback-owed']

let postgres: Postgres
let simulator: Simulator
let journal: WatchedJournal
let home: string
let replicas: { readonly survivor: ServiceProcess; readonly victim: ServiceProcess }
before(async () => {
  home = mkdtempSync(join(tmpdir(), 'replicas-'))
  ;[postgres, simulator] = await Promise.all([startPostgres(), sharedPki().then((pki) => startSimulator({ pki }))])
  writeFileSync(join(home, 'root.pem'), simulator.rootPem)
  const url = await postgres.newDatabase()
  // The API key tells the simulator's caller.
  const start = (name: string): Promise<ServiceProcess> => startServiceProcess({
    JOURNAL_URL: url, TSB_URL: simulator.url, TRUST_ANCHORS_FILE: join(home, 'root.pem'), TSB_KEY_MANAGEMENT_API_KEYS: name,
    LEASE_MS: '1500', SETTLE_AFTER_MS: '500', TSB_CREATE_KEY_TIMEOUT_MS: '10000', MAX_TRANSACTIONS: '2', MAX_QUEUED: '1000',
  })
  // At the same time: both make the tables.
  const [survivor, victim] = await Promise.all([start('survivor'), start('victim')])
  replicas = { survivor, victim }
  journal = await watchJournal(url)
})
after(async () => {
  await Promise.all([replicas.survivor.kill(), replicas.victim.kill()])
  await journal.close()
  await simulator.close()
  await postgres.stop()
  rmSync(home, { recursive: true, force: true })
})

/**
 * Kills the victim when the HSM has made a key for it and the answer is not out; creates of both stand still until then.
 * @returns the row that it leaves behind
 */
async function killInTheMiddle(): Promise<Row> {
  let creates = 0
  const [met, dead] = [Promise.withResolvers<string>(), Promise.withResolvers<void>()]
  simulator.alter.createAnswer = async (answer, { label }) => {
    if (++creates <= FREE_CREATES) return answer
    const request = simulator.requests.findLast(({ call, body }) => call === 'create-key' && (body as { label: string }).label === label)
    if (request?.headers['x-api-key'] === 'victim') met.resolve(label)
    await dead.promise
    return answer
  }
  const label = await met.promise
  await replicas.victim.kill()
  const row = (await journal.rows(label)).at(-1)!
  delete simulator.alter.createAnswer
  dead.resolve()
  return row
}

interface Answer { readonly label: string; readonly status: number; readonly idempotencyKey: string | undefined }

/** Each label is asked for at both, with and without an Idempotency-Key; undefined where the replica died on it. */
async function ask(replica: ServiceProcess, n: number): Promise<Answer | undefined> {
  const label = LABELS[n % LABELS.length]!
  const round = Math.floor(n / LABELS.length)
  const idempotencyKey = round % 3 === 0 ? undefined : `${label}-${round % 3}`
  try {
    const answer = await replica.post(order(label), idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey })
    await answer.arrayBuffer()
    return { label, status: answer.status, idempotencyKey }
  } catch {
    return undefined
  }
}

const committed = (rows: readonly Row[]): Row[] => rows.filter(({ state }) => state === 'committed')
const count = (values: readonly string[], value: string): number => values.filter((each) => each === value).length

/** Asserts that each key has one owner with a bundle, and each such owner a key. */
async function assertEachKeyHasItsBundle(rows: readonly Row[]): Promise<void> {
  assert.deepEqual(simulator.labels().sort(), committed(rows).map(({ label }) => label).sort())
  for (const { id, label } of committed(rows)) {
    const bundle = await replicas.survivor.get(`/v1/attestation-bundles/${id}`)
    assert.deepEqual([bundle.status, bundle.headers.get('content-type')], [200, 'application/zip'], label)
    assert.ok((await bundle.arrayBuffer()).byteLength > 0)
  }
}

test('100 requests over 10 labels at two replicas, one of them killed: each label once, nothing left over, all debts settled', async () => {
  const { survivor, victim } = replicas
  const killed = killInTheMiddle()
  const replicaOf = (n: number): ServiceProcess => ((n + Math.floor(n / LABELS.length)) % 2 === 0 ? survivor : victim)
  const answers = await Promise.all(Array.from({ length: REQUESTS }, (_, n) => ask(replicaOf(n), n)))
  const left = await killed
  assert.equal(left.state, 'began')

  // The dead one's rows are its own until their leases run out; then they are the survivor's.
  await survivor.logged((line) => line['transaction'] === left.id && line['msg'] === 'an owed deletion is settled')
  const rows = await journal.until((all) => all.every(({ state }) => !UNFINISHED.includes(state)))
  assert.deepEqual(rows.filter(({ state }) => state === 'abandoned'), [])
  await assertEachKeyHasItsBundle(rows)
  assert.deepEqual(simulator.certificates().sort(), simulator.labels().sort())

  const given = answers.filter((answer) => answer !== undefined)
  assert.deepEqual([...new Set(given.map(({ status }) => status))].filter((status) => ![200, 201, 409].includes(status)), [])
  for (const label of LABELS) {
    assert.ok(count(committed(rows).map((row) => row.label), label) <= 1, label)
    const created = given.filter((answer) => answer.label === label && answer.status === 201)
    assert.ok(created.length <= 1, label)
    // A replay is only ever of the request that made the key.
    for (const replay of given.filter((answer) => answer.label === label && answer.status === 200)) {
      assert.ok(created.every(({ idempotencyKey }) => idempotencyKey === replay.idempotencyKey))
    }
  }

  // Every label is free again or has its key: asked once more, each has one.
  const again = await Promise.all(LABELS.map(async (label) => [label, (await survivor.post(order(label))).status] as const))
  for (const [label, status] of again) assert.equal(status, committed(rows).some((row) => row.label === label) ? 409 : 201, label)
  const end = await journal.rows()
  assert.deepEqual(committed(end).map(({ label }) => label).sort(), LABELS)
  await assertEachKeyHasItsBundle(end)
})
