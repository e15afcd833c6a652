import { createPki } from '../../src/simulator/pki.ts'
import { startSimulator, type Simulator, type SimulatorOptions } from '../../src/simulator/simulator.ts'

/** One small hierarchy for all tests of a file: EC keys are made in no time. */
export const sharedPki = await createPki({ attestationKey: 'ec', caKey: 'ec' })

/** Starts a simulator with the shared hierarchy, stopped at the end of the test. */
export async function simulatorFor(context: { after: (stop: () => Promise<void>) => void }, options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator({ pki: sharedPki, ...options })
  context.after(() => simulator.close())
  return simulator
}

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
  /** Undefined where the body is not JSON. */
  readonly json: unknown
}

/** Sends one request; `body` as JSON unless it is text. */
export async function call(simulator: Simulator, method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
  const response = await fetch(`${simulator.url}${path}`, {
    method,
    redirect: 'manual',
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const bytes = Buffer.from(await response.arrayBuffer())
  let json: unknown
  try {
    json = JSON.parse(bytes.toString())
  } catch { /* not JSON: that is what undefined says */ }
  return { status: response.status, headers: response.headers, bytes, json }
}

/** Picks status and errorCode, which is what a caller decides on. */
export const outcome = ({ status, json }: Reply): [number, unknown] => [status, (json as { errorCode?: unknown } | undefined)?.errorCode]

/** The body of a create-key for a signing key on P-256. */
export const ecKey = (label: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  label, algorithm: 'EC', curveOid: '1.2.840.10045.3.1.7',
  attributes: { sign: true, decrypt: false, unwrap: false, extractable: false, sensitive: true, modifiable: false, destroyable: true, copyable: false },
  ...more,
})

/** The body of a CSR call for such a key. */
export const csrFor = (label: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  signKeyName: label, signatureAlgorithm: 'SHA256_WITH_ECDSA', validity: 365,
  standardCertificateAttributes: { commonName: 'Acme seal', country: 'CH', organizationName: 'Acme' },
  keyUsage: ['CONTENT_COMMITMENT'], ...more,
})
