import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { certificatePem, issueCertificate } from '../../src/simulator/certificates.ts'
import { nameOf } from '../../src/simulator/names.ts'
import { startSimulator, type Simulator } from '../../src/simulator/simulator.ts'
import { startOtlpReceiver, type OtlpReceiver } from '../support/otlp-receiver.ts'
import { sha256 } from '../auth/callers.ts'
import { sharedPki } from '../support/service.ts'
import { plant, plantPassword, type Planted } from './planted.ts'

const journalKeys = [randomBytes(32), randomBytes(32)] as const
const clientKey = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const clientKeyPem = clientKey.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

/** Every secret that a process is told, by its settings or by its callers. A further one is a line here, and a line where it is told. */
export const SECRETS = {
  token: plant(),
  managementKey1: plant(), managementKey2: plant(), managementKey3: plant(),
  operationKey1: plant(), operationKey2: plant(),
  serviceKey1: plant(), serviceKey2: plant(),
  journalKey1: journalKeys[0].toString('base64'), journalKey1Hex: journalKeys[0].toString('hex'),
  journalKey2: journalKeys[1].toString('base64'), journalKey2Hex: journalKeys[1].toString('hex'),
  journalPassword: plant(),
  collectorToken: plant(),
  clientKey: clientKeyPem.split('\n')[1]!,
  clientKeyHex: clientKey.privateKey.export({ type: 'pkcs8', format: 'der' }).toString('hex').slice(72, 120),
  password: plantPassword(), listedPassword: plantPassword(), otherPassword: plantPassword(), foreignPassword: plantPassword(),
  callerToken: plant(), narrowToken: plant(), wrongToken: plant(), callerApiKey: plant(), callerCookie: plant(),
} satisfies Planted

/** What the TSB is told with a call. */
export const TOLD_TO_THE_TSB = [SECRETS.token, SECRETS.managementKey2, SECRETS.managementKey3, SECRETS.operationKey2, SECRETS.serviceKey2, SECRETS.password,
  SECRETS.listedPassword]

/** Headers of a caller with a good credential, and such as others take it in: none may come back. */
export const CALLER = { authorization: `Bearer ${SECRETS.callerToken}`, 'x-api-key': SECRETS.callerApiKey, cookie: `session=${SECRETS.callerCookie}` }

export interface Stage {
  readonly simulator: Simulator
  /** Where the service sends its spans. */
  readonly collector: OtlpReceiver
  /** The folder of one journal, and the one in which the process may leave temporary files. */
  readonly journal: string
  readonly temporary: string
  /** The settings of a service with every secret that there is. */
  readonly env: Readonly<Record<string, string>>
  close(): Promise<void>
}

/** Starts a TSB that asks for every credential, the second of each list, and gives the settings for it. */
export async function openStage(): Promise<Stage> {
  const simulator = await startSimulator({
    pki: await sharedPki(), bearerToken: SECRETS.token, certificateRole: 'operation',
    apiKeys: { keyManagement: [SECRETS.managementKey2, SECRETS.managementKey3], keyOperation: [SECRETS.operationKey2], service: [SECRETS.serviceKey2] },
  })
  const collector = await startOtlpReceiver()
  const home = mkdtempSync(join(tmpdir(), 'secrets-'))
  const [journal, temporary] = [join(home, 'journal'), join(home, 'tmp')]
  for (const folder of [journal, temporary]) mkdirSync(folder)
  const file = (name: string, content: string): string => {
    writeFileSync(join(home, name), content)
    return join(home, name)
  }
  const subject = nameOf(['CN', 'client'])
  const certificate = issueCertificate({
    subject, publicKey: clientKey.publicKey, issuer: { subject, privateKey: clientKey.privateKey }, extensions: [],
    notBefore: new Date(), notAfter: new Date(Date.now() + 86_400_000),
  })
  return {
    simulator, collector, journal, temporary,
    env: {
      AUTH_MODE: 'api-key', AUTH_CLIENTS_FILE: file('clients.json', JSON.stringify([
        { id: 'driver', apiKeySha256: sha256(SECRETS.callerToken), labels: ['*'] }, { id: 'narrow', apiKeySha256: sha256(SECRETS.narrowToken), labels: ['narrow-*'] },
      ])),
      LOG_LEVEL: 'trace', TMPDIR: temporary, TSB_URL: simulator.url, TRUST_ANCHORS_FILE: file('root.pem', simulator.rootPem),
      JOURNAL_URL: `file:${join(journal, 'journal.sqlite')}`, JOURNAL_ENCRYPTION_KEY: `${SECRETS.journalKey1},${SECRETS.journalKey2}`,
      TSB_BEARER_TOKEN_FILE: file('token', `${SECRETS.token}\n`),
      TSB_KEY_MANAGEMENT_API_KEYS: `${SECRETS.managementKey1}, ${SECRETS.managementKey2},${SECRETS.managementKey3}`,
      TSB_KEY_OPERATION_API_KEYS: `${SECRETS.operationKey1},${SECRETS.operationKey2}`, TSB_SERVICE_API_KEYS: `${SECRETS.serviceKey1},${SECRETS.serviceKey2}`,
      TSB_CLIENT_CERT_FILE: file('client.pem', certificatePem(certificate)), TSB_CLIENT_KEY_FILE: file('client.key', clientKeyPem),
      TSB_TIMEOUT_MS: '2500', TSB_CREATE_KEY_TIMEOUT_MS: '2500', SETTLE_AFTER_MS: '300', LEASE_MS: '2000', MAX_QUEUED: '1000',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${SECRETS.collectorToken}`,
    },
    async close() {
      await simulator.close()
      await collector.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
}
