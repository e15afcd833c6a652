import type { TsbOnlySettings } from '../config.ts'
import { certificateRequestBody, labelOf, type Order } from '../transaction/order.ts'
import type { ApiKeys, Role } from '../tsb/roles.ts'
import { INVALID_API_KEY, TsbError } from '../tsb/tsb-error.ts'
import { openTsb, type Tsb, type TsbSettings } from '../tsb/tsb.ts'
import { finding, type Finding } from './diagnosis.ts'
import { hintOf, type Endpoint } from './hints.ts'
import { answerIn, reasonOf } from './reason.ts'

/** One credential at one endpoint. */
interface Attempt {
  readonly role: Role
  /** E.g. `key management, API key 2 of 2`. */
  readonly who: string
  readonly answer: 'accepted' | 'refused' | 'unclear'
  readonly error?: unknown
}

const NO_KEYS: ApiKeys = { management: [], operation: [], service: [] }
const ROLE_NAMES: Readonly<Record<Role, string>> = { management: 'key management', operation: 'key operation', service: 'service' }
/** The TSB's words for credentials and licences that do not do (contract, section 3.3); it says them with 401, 403 or another status. */
const REFUSALS: ReadonlySet<number> = new Set([400, 406, 416, 450, 451, 617, 618, INVALID_API_KEY])

/**
 * Tries every API key by itself at the endpoints that it is for. Nothing is made or changed: the keys are asked for under a label that is
 * nobody's, so "there is no such key" is the answer to hope for. That a TSB answers so before it looks at anything else is inferred.
 * @param order whose fresh label is asked for
 * @param id of a transaction that never is
 * @returns `answered`: whether a TSB answered for key management, be it with a refusal. What a proxy says to a create would be worth nothing
 */
export async function examineCredentials(
  { tsb: access }: TsbOnlySettings, order: Order, id: string, signal: AbortSignal,
): Promise<{ readonly findings: readonly Finding[]; readonly answered: boolean }> {
  const label = labelOf(order, id)
  const look = (tsb: Tsb): Promise<unknown> => tsb.keyAttributes({ label }, signal)
  const certify = (tsb: Tsb): Promise<unknown> => tsb.requestCertificate(certificateRequestBody(order, label), signal)
  const version = (tsb: Tsb): Promise<unknown> => tsb.versionInfo(signal)
  const certificateRoles = access.certificateRole === 'auto' ? ['management', 'operation'] as const : [access.certificateRole]

  const management = await tryAll(access, 'management', look)
  const certificates: Attempt[] = []
  for (const role of certificateRoles) {
    // Without keys of its own the second role would send what the first one sent.
    if (role === certificateRoles[0] || access.apiKeys[role].length > 0) certificates.push(...await tryAll({ ...access, certificateRole: role }, role, certify))
  }
  const service = await tryAll(access, 'service', version)
  return {
    answered: management.some(({ answer }) => answer !== 'unclear'),
    findings: [judge('key-management', management), judge('certificates', certificates), judge('service', service), ...judgeOperation(access)],
  }
}

async function tryAll(access: TsbOnlySettings['tsb'], role: Role, call: (tsb: Tsb) => Promise<unknown>): Promise<Attempt[]> {
  const keys = access.apiKeys[role]
  if (keys.length === 0) return [{ role, who: withoutKey(access), ...await tryOne({ ...access, apiKeys: NO_KEYS }, call) }]
  const attempts: Attempt[] = []
  for (const [i, key] of keys.entries()) {
    attempts.push({ role, who: `${ROLE_NAMES[role]}, API key ${i + 1} of ${keys.length}`, ...await tryOne({ ...access, apiKeys: { ...NO_KEYS, [role]: [key] } }, call) })
  }
  return attempts
}

function withoutKey({ bearerToken, tls }: TsbSettings): string {
  const others = [...(bearerToken === undefined ? [] : ['the bearer token']), ...(tls.cert === undefined ? [] : ['the client certificate'])]
  return others.length === 0 ? 'no credential' : `${others.join(' and ')}, no API key`
}

async function tryOne(settings: TsbSettings, call: (tsb: Tsb) => Promise<unknown>): Promise<Pick<Attempt, 'answer' | 'error'>> {
  const tsb = openTsb(settings, 1)
  try {
    await call(tsb)
    return { answer: 'accepted' }
  } catch (error) {
    return { answer: meaningOf(error), error }
  } finally {
    await tsb.close()
  }
}

function meaningOf(error: unknown): Attempt['answer'] {
  const upstream = error instanceof TsbError ? error.extras.upstream : undefined
  if (upstream === undefined) return 'unclear'
  if (upstream.status === 401 || upstream.status === 403 || REFUSALS.has(upstream.errorCode ?? 0)) return 'refused'
  // Whatever else has a code of the TSB's own came from behind its filter.
  return upstream.errorCode === undefined ? 'unclear' : 'accepted'
}

/** The service goes to the next key on 401 with 631, and to the other role on 401 and 403: one that is accepted is enough, most of the time. */
function judge(endpoint: Endpoint, attempts: readonly Attempt[]): Finding {
  const id = `credentials.${endpoint}`
  const detail = `${attempts.map(describe).join('; ')}.`
  const bad = attempts.find(({ answer }) => answer !== 'accepted')
  // One role serves the certificates, so that the other one is refused there is as it should be.
  const [serving] = [...Map.groupBy(attempts, ({ role }) => role)].find(([, own]) => own.every(({ answer }) => answer === 'accepted')) ?? []
  if (bad === undefined || serving !== undefined) return finding(id, 'passed', detail, serving === 'operation' && bad?.role === 'management' ? SPARE_HINT : undefined)
  if (attempts.some(({ answer }) => answer === 'accepted')) return finding(id, 'warning', detail, hintOf(bad.error))
  // What the service asks there is its version, which it can do without.
  const outcome = endpoint === 'service' || bad.answer === 'unclear' ? 'warning' : 'failed'
  return finding(id, outcome, detail, endpoint === 'certificates' && bad.answer === 'refused' ? CERTIFICATES_HINT : hintOf(bad.error))
}

const SPARE_HINT = 'TSB_CERTIFICATE_ROLE=operation spares a request that is refused.'
const CERTIFICATES_HINT = 'Check TSB_KEY_MANAGEMENT_API_KEYS, TSB_KEY_OPERATION_API_KEYS and TSB_CERTIFICATE_ROLE: /v1/certificate/** belongs to key operation by the vendor\'s documentation of 2.2.0, and to key management by the newest one.'

const describe = ({ who, answer, error }: Attempt): string => {
  const upstream = error instanceof TsbError ? error.extras.upstream : undefined
  if (answer === 'accepted') return `${who}: accepted`
  return answer === 'refused' && upstream !== undefined ? `${who}: refused (${answerIn(upstream)})` : `${who}: not clear, ${reasonOf(error)}`
}

function judgeOperation({ apiKeys, certificateRole }: TsbOnlySettings['tsb']): Finding[] {
  if (apiKeys.operation.length === 0) return []
  const used = certificateRole === 'management' ? 'With TSB_CERTIFICATE_ROLE=management they are not used at all.' : 'See credentials.certificates.'
  return [finding('credentials.key-operation', 'skipped', `The service uses API keys for key operation at the certificate endpoints only, so they were tried nowhere else. ${used}`)]
}
