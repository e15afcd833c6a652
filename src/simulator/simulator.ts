import { generateKeyPair, type KeyObject } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { signingKeyFlags, type KeyFlags } from './attestation-xml.ts'
import type { CallName } from './calls.ts'
import { certificatePem, issueCertificate } from './certificates.ts'
import { createFaults, type Faults } from './faults.ts'
import { nameOf } from './names.ts'
import type { Alterations, Context, SimulatorOptions } from './options.ts'
import { emptyPartition, findKey, isTaken, type StoredKey } from './partition.ts'
import { createPki, type KeyPair, type Pki } from './pki.ts'
import { createTsbServer, type RecordedRequest } from './server.ts'

export type { Alterations, SimulatorOptions } from './options.ts'
export type { CallName } from './calls.ts'
export type { Fault, Faults } from './faults.ts'
export type { RecordedRequest } from './server.ts'
export type { StoredKey } from './partition.ts'

/** A key that comes into the partition by another way than create-key. */
export interface PlantedKey {
  readonly label: string
  /** A new P-256 pair by default. */
  readonly keys?: KeyPair
  readonly password?: string
  /** The flags of a signing key by default, which is destroyable. */
  readonly flags?: Partial<KeyFlags>
  readonly useCount?: number
  readonly created?: Date
  readonly creation?: 'generated' | 'imported'
  readonly policy?: Readonly<Record<string, unknown>>
  /** Whether a self-signed certificate object stands beside it. */
  readonly certificate?: boolean
}

export interface Simulator {
  /** E.g. `http://127.0.0.1:40123`, without a slash at the end. */
  readonly url: string
  readonly pki: Pki
  /** The root certificate, which is the anchor to trust in tests. */
  readonly rootPem: string
  /** All requests so far, in order. */
  readonly requests: RecordedRequest[]
  readonly faults: Faults
  /**
   * Waits for the next request of a call; ask before what sends it. `acted`: until the simulator has done or refused what was asked, which
   * is before anyone hears the answer. With `hang-before` and `hang-after` a caller can be met at either point.
   * @throws Error after 20 s
   */
  next(call: CallName, stage?: 'arrived' | 'acted'): Promise<RecordedRequest>
  /** The hooks in force; tests may set and delete them at any time. */
  readonly alter: Alterations
  /** Labels of the keys that are there; the HSM's own key is not counted. */
  labels(): string[]
  /** Labels that have a certificate object. */
  certificates(): string[]
  /** Gives a key. @throws TsbRefusal 650 when there is none. */
  key(label: string): StoredKey
  /** Gives the public key of a key. @throws TsbRefusal 650 when there is none. */
  publicKey(label: string): KeyObject
  /** Plants a key. @throws Error when the label is taken. */
  addKey(key: PlantedKey): Promise<StoredKey>
  /**
   * Lets the calls that a `late` fault holds back act now, all or those of labels that begin so; their callers get no answer. Returns when
   * they have acted.
   */
  releaseLate(label?: string): Promise<void>
  /** Stops at once: hanging requests are cut off, late ones never act. */
  close(): Promise<void>
}

/** A test that waits for what never comes fails, in place of standing still. */
const PATIENCE_MS = 20_000

/**
 * Starts a TSB with an HSM of its own, in memory, over real HTTP. Behaves as the contract says, errors included; its evidence is really
 * signed, under a root that nobody else has.
 * @throws Error when the port is taken.
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const pki = options.pki ?? await createPki({ attestationKey: options.attestationKey ?? 'rsa' })
  const partition = emptyPartition(pki.attestationKeyName)
  const alter: Alterations = { ...options.alter }
  const now = options.clock ?? (() => new Date())
  const context: Context = { options, pki, partition, alter, now }
  const faults = createFaults()
  const requests: RecordedRequest[] = []
  let late: { work: () => Promise<unknown>; label: string }[] = []
  const closing = new AbortController()
  const later = (work: () => Promise<unknown>, label: string): void => void late.push({ work, label })
  const events = new EventEmitter()
  events.setMaxListeners(0)
  const server = createTsbServer({
    context, faults, requests, later, wait: (ms) => delay(ms, closing.signal),
    tell: (call, stage, request) => void events.emit(`${call} ${stage}`, request),
  })
  const host = options.host ?? '127.0.0.1'
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, host, resolve)
  })
  const { port } = server.address() as AddressInfo

  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${String(port)}`,
    pki,
    rootPem: certificatePem(pki.root.der),
    requests,
    faults,
    next: (call, stage = 'arrived') => {
      const event = once(events, `${call} ${stage}`, { signal: AbortSignal.timeout(PATIENCE_MS) }) as Promise<[RecordedRequest]>
      const seen = event.then(([request]) => request)
      // Not every test waits for what it asked for.
      seen.catch(() => undefined)
      return seen
    },
    alter,
    labels: () => [...partition.keys.keys()],
    certificates: () => [...partition.certificates.keys()],
    key: (label) => findKey(partition, label),
    publicKey: (label) => findKey(partition, label).publicKey,
    addKey: (key) => plant(context, key),
    async releaseLate(label = '') {
      const due = late.filter((held) => held.label.startsWith(label))
      late = late.filter((held) => !due.includes(held))
      await Promise.all(due.map(({ work }) => work()))
    },
    close() {
      closing.abort()
      late = []
      return new Promise((resolve) => {
        server.close(() => { resolve() })
        server.closeAllConnections()
      })
    },
  }
}

async function plant({ partition, now }: Context, planted: PlantedKey): Promise<StoredKey> {
  const { label } = planted
  if (isTaken(partition, label)) throw new Error(`There is a key with the label ${label} already.`)
  const keys = planted.keys ?? await promisify(generateKeyPair)('ec', { namedCurve: 'prime256v1' })
  const key: StoredKey = {
    label, ...keys, id: null, password: planted.password, created: planted.created ?? now(), flags: { ...signingKeyFlags, ...planted.flags },
    useCount: planted.useCount ?? 0, policy: planted.policy ?? null, creation: planted.creation ?? 'generated',
  }
  partition.keys.set(label, key)
  if (planted.certificate === true) {
    const subject = nameOf(['CN', label])
    partition.certificates.set(label, issueCertificate({
      subject, publicKey: keys.publicKey, issuer: { subject, privateKey: keys.privateKey }, extensions: [],
      notBefore: now(), notAfter: new Date(now().getTime() + 365 * 24 * 60 * 60 * 1000),
    }))
  }
  return key
}

/** Waits for the time, or for ever once the simulator closes: its work is void then. */
const delay = (milliseconds: number, closed: AbortSignal): Promise<void> => new Promise((resolve) => {
  const timer = setTimeout(resolve, milliseconds)
  closed.addEventListener('abort', () => { clearTimeout(timer) }, { once: true })
})
