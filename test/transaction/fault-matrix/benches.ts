import { createPki } from '../../../src/simulator/pki.ts'
import { openRefusingFront, type RefusingFront } from '../../support/refusing-front.ts'
import { order, startService, type LogLine, type Service } from '../../support/service.ts'
import { lanes, type Lane } from './lanes.ts'
import { FAULTS, isMet, STEPS, type Cell } from './tables.ts'

/** A service and its simulator, and how a cell's fault gets into them. */
export interface Bench {
  readonly service: Service
  /** Limits how many cells run here at once. */
  readonly enter: Lane
  /** Puts the cell's fault in the way of the transaction whose label begins with `name`. @returns takes it away again */
  strike(cell: Cell, name: string): Promise<() => Promise<void>>
}

export interface Benches {
  benchFor(cell: Cell): Promise<Bench>
  close(): Promise<void>
}

/** Over a thousand bundles are verified: small RSA certificates make that cheaper than those of P-384. */
const pki = createPki({ attestationKey: 'ec', caKey: 'rsa', bits: { root: 2048, device: 2048 } })
/** A certificate that goes with its key would never show that its own deletion was forgotten. */
const simulatorOptions = pki.then((made) => ({ pki: made, certificateOutlivesKey: true }))

/** Far beyond what a busy machine needs: on these benches no time-out may strike but the cell's own fault. */
const PATIENT = { TSB_TIMEOUT_MS: '20000', TSB_CREATE_KEY_TIMEOUT_MS: '20000', SETTLE_AFTER_MS: '500', MAX_TRANSACTIONS: '100' }

/** An undo that meets nothing but time-outs takes nine of them, and has 20 seconds. Elsewhere there is more room for a busy machine. */
const TIMEOUT_MS = { once: '1500', always: '600' }
/** How long a create of unknown effect may still land. Far from the moment of the answer: until then it must be `pending`. */
const CREATE_SETTLES_AFTER_MS = '6000'

/**
 * Opens benches when a cell first needs one. Cells share a bench where they want the same settings; refused connections concern a whole
 * listener, so those cells have benches of their own, and run one after the other.
 */
export function openBenches(): Benches {
  const benches = new Map<string, Promise<Bench & { close(): Promise<void> }>>()
  return {
    benchFor(cell) {
      const { fault, label, keyBefore } = cell
      const settings = settingsFor(cell)
      const key = fault === 'refused' ? `refused, ${label}, ${keyBefore}` : JSON.stringify(settings)
      const bench = benches.get(key) ?? (fault === 'refused' ? openRefusingBench() : openBench(settings))
      benches.set(key, bench)
      return bench
    },
    async close() {
      await Promise.all([...benches.values()].map(async (bench) => (await bench).close()))
    },
  }
}

function settingsFor({ step, fault, meets, during }: Cell): Record<string, string> {
  const hangs = FAULTS[fault].code === 'tsb-timeout'
  if (step === 'create') {
    return { ...PATIENT, ...(hangs && { TSB_CREATE_KEY_TIMEOUT_MS: TIMEOUT_MS.once }), SETTLE_AFTER_MS: CREATE_SETTLES_AFTER_MS }
  }
  return hangs ? { ...PATIENT, TSB_TIMEOUT_MS: during === 'undo' && meets === 'all calls' ? TIMEOUT_MS.always : TIMEOUT_MS.once } : PATIENT
}

/** The undo needs a failure before it. */
function breakTheFlow({ simulator }: Service, { during }: Cell, name: string): void {
  if (during === 'undo') simulator.faults.under(name).set('key-attestation', { kind: 'hsm-error', times: Infinity })
}

async function openBench(env: Record<string, string>): Promise<Bench & { close(): Promise<void> }> {
  const service = await startService({ simulator: await simulatorOptions, env })
  return {
    service,
    enter: lanes(64),
    async strike(cell, name) {
      const { strikes } = FAULTS[cell.fault]
      const faults = service.simulator.faults.under(name)
      breakTheFlow(service, cell, name)
      // Under an exact label the first look belongs to the flow.
      const skip = cell.step === 'attributes' && cell.during === 'undo' && cell.label === 'exact' ? 1 : 0
      if (strikes !== 'refused') faults.set(STEPS[cell.step], { ...strikes, skip, times: cell.meets === 'one call' ? 1 : Infinity })
      return async () => { faults.clear() }
    },
    close: () => service.stop(),
  }
}

/** The answer after which the listener is closed, so that the step's call is the next one to be made; none where it is the first of all. */
function answerBefore({ step, label, during }: Cell): [path: string, nth: number] | undefined {
  if (step === 'create') return label === 'exact' ? ['/v1/key/attributes', 1] : undefined
  if (step === 'CSR') return ['/v1/key', 1]
  if (step === 'attestation') return ['/v1/certificate/synchronous/request', 1]
  if (step === 'delete') return label === 'exact' ? ['/v1/key/attributes', 2] : ['/v1/key/keyAttestation', 1]
  if (during === 'undo') return label === 'exact' ? ['/v1/key/keyAttestation', 1] : ['/v1/key/deleteKey', 1]
  return undefined
}

const refusedOnce = (line: LogLine): boolean => line['msg'] === 'TSB call' && line['outcome'] === 'tsb-unavailable'

async function openRefusingBench(): Promise<Bench & { close(): Promise<void> }> {
  const front: RefusingFront = await openRefusingFront()
  const service = await startService({ simulator: await simulatorOptions, env: { ...PATIENT, TSB_URL: front.url } })
  front.forwardTo(service.simulator.url)
  // The first transaction also asks for the TSB's version; that call is not the one to refuse.
  await service.post(order('the-first'))
  return {
    service,
    enter: lanes(1),
    async strike(cell, name) {
      breakTheFlow(service, cell, name)
      service.log.length = 0
      const before = answerBefore(cell)
      if (isMet(cell)) {
        if (before === undefined) await front.refuse()
        else front.refuseAfter(...before)
      }
      const reopened = isMet(cell) && cell.meets === 'one call' ? service.logged(refusedOnce).then(() => front.open()) : undefined
      return async () => {
        await reopened
        await front.open()
        service.simulator.faults.under(name).clear()
      }
    },
    async close() {
      await service.stop()
      await front.close()
    },
  }
}
