import { after, before, beforeEach, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { journalFor } from '../support/journal-url.ts'
import { buildApp } from '../../src/app.ts'
import { readSettings } from '../../src/config.ts'
import recordedOrder from '../fixtures/recorded-order.json' with { type: 'json' }
import recorded from '../fixtures/recorded.json' with { type: 'json' }
import { startWireMock, type JournalEntry, type Stub, type WireMock } from '../support/wiremock.ts'

/** What a caller posts to get the recorded evidence. */
export const order = recordedOrder

/** When it was recorded: the clock of HSM and service. */
export const recordedAt = new Date(recorded.recordedAt)

/** The calls of the TSB, by the service's own names. */
const CALLS = {
  'version-info': { method: 'GET', urlPath: '/v1/versionInfo' },
  'key-attributes': { method: 'POST', urlPath: '/v1/key/attributes' },
  'create-key': { method: 'POST', urlPath: '/v1/key' },
  'certificate-request': { method: 'POST', urlPath: '/v1/certificate/synchronous/request' },
  'key-attestation': { method: 'POST', urlPath: '/v1/key/keyAttestation' },
  'delete-key': { method: 'POST', urlPath: '/v1/key/deleteKey' },
  'delete-certificate': { method: 'DELETE', urlPathPattern: '/v1/certificate/[^/]+' },
} as const
export type CallName = keyof typeof CALLS

/** What every transaction under a caller's label begins with. */
export const LOOK = ['version-info', 'key-attributes'] as const
/** How a key that was made is taken back: is it ours, delete it, is it gone, and the certificate that the CSR may have left. */
export const UNDO = ['key-attributes', 'delete-key', 'key-attributes', 'delete-certificate'] as const
export const HAPPY = [...LOOK, 'create-key', 'certificate-request', 'key-attestation'] as const

export type StubResponse = Stub['response']
const json = { 'content-type': 'application/json' }

/** An error as the TSB writes it (contract, section 3.1). */
export const tsbError = (status: number, errorCode: number, reason: string, message: string): StubResponse =>
  ({ status, headers: json, jsonBody: { errorCode, reason: `res.error.${reason}`, message } })
/** The TSB's catch-all. */
export const hsmError = (message: string): StubResponse => tsbError(500, 701, 'in.hsm', message)
export const absent = tsbError(404, 650, 'key.not.existent', "Key with name 'recorded-2026' does not exist.")
export const invalidApiKey = tsbError(401, 631, 'invalid.api.key', 'Invalid API key.')
/** What a proxy says instead of the TSB. */
export const html = (status: number): StubResponse => ({ status, headers: { 'content-type': 'text/html' }, body: '<html><body>Please log in</body></html>' })
/** A recorded answer. */
export const file = (name: string, status = 200): StubResponse => ({ status, bodyFileName: name })

export interface Service {
  /** Posts an order, the recorded one by default. */
  post(body?: unknown, headers?: Record<string, string>): Promise<Awaited<ReturnType<typeof fetch>>>
  get(path: string, headers?: Record<string, string>): Promise<Awaited<ReturnType<typeof fetch>>>
}

export interface RecordedTsb {
  /** Starts the service before WireMock, with production's options, at the time of the recording; it stops with the test. */
  service(t: TestContext, env?: Record<string, string>, now?: () => Date): Promise<Service>
  /** Answers one call otherwise from now on. */
  answer(call: CallName, response: StubResponse, more?: Partial<Stub>): Promise<void>
  /** Names of the calls that came, in order; what no stub knows is named by method and path. */
  asked(): Promise<string[]>
  /** The journal's entries of one call. */
  sent(call: CallName): Promise<JournalEntry[]>
  requests(): Promise<readonly JournalEntry[]>
  /** What the stateful stubs hold. */
  keyExists(): Promise<boolean>
  plantKey(): Promise<void>
  /** Forgets the key, as a restart of the HSM with an empty partition. */
  removeKey(): Promise<void>
}

let only: RecordedTsb | undefined

/** WireMock with the recorded TSB: one for all that a process asks, fresh before each test. It starts before the first and stops after the last. */
export const recordedTsb = (): RecordedTsb => only ??= open()

function open(): RecordedTsb {
  let wiremock: WireMock
  before(async () => { wiremock = await startWireMock() })
  after(() => wiremock?.stop())
  beforeEach(() => wiremock.reset())

  const nameOf = ({ method, path }: JournalEntry): string => {
    const known = Object.entries(CALLS).find(([, call]) => call.method === method && ('urlPath' in call ? call.urlPath === path : new RegExp(`^${call.urlPathPattern}$`).test(path)))
    return known?.[0] ?? `${method} ${path}`
  }

  return {
    async service(t, env = {}, now = () => recordedAt) {
      const settings = readSettings({
        AUTH_MODE: 'none', TSB_URL: wiremock.url, TRUST_ANCHORS_FILE: fileURLToPath(new URL('../fixtures/recorded-root.pem', import.meta.url)),
        TSB_BEARER_TOKEN: 'the-token', TSB_KEY_MANAGEMENT_API_KEYS: 'management-1', TSB_KEY_OPERATION_API_KEYS: 'operation-1', TSB_SERVICE_API_KEYS: 'service-1',
        JOURNAL_URL: journalFor(t), ...env,
      })
      const app = await buildApp(settings, pino({ level: 'silent' }), now)
      t.after(() => app.stop())
      const url = await app.http.listen({ host: '127.0.0.1', port: 0 })
      return {
        post: (body = order, headers = {}) => fetch(`${url}/v1/attestation-bundles`, {
          method: 'POST', headers: { ...json, ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body),
        }),
        get: (path, headers = {}) => fetch(url + path, { headers }),
      }
    },
    answer: (call, response, more = {}) => wiremock.stub({ request: CALLS[call], response, ...more }),
    asked: async () => (await wiremock.requests()).map(nameOf),
    sent: async (call) => (await wiremock.requests()).filter((entry) => nameOf(entry) === call),
    requests: () => wiremock.requests(),
    keyExists: async () => await wiremock.state(THE_KEY) === 'exists',
    plantKey: () => wiremock.setState(THE_KEY, 'exists'),
    removeKey: () => wiremock.setState(THE_KEY, 'Started'),
  }
}

/** The scenario of the stateful stubs: `Started` (no key) or `exists`. */
const THE_KEY = 'key'
/** For a create-key that fails and makes the key all the same. */
export const LANDS = { scenarioName: THE_KEY, requiredScenarioState: 'Started', newScenarioState: 'exists' } as const
/** For an answer that is given once: the next call gets what stands behind this stub. */
export const once = (name: string): Partial<Stub> => ({ scenarioName: name, requiredScenarioState: 'Started', newScenarioState: 'over' })
