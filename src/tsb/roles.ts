import { INVALID_API_KEY, readErrorBody, type TsbCall } from './tsb-error.ts'
import type { TsbAnswer } from './http.ts'

/** The roles that an `X-API-KEY` of the TSB belongs to (contract, section 7.2). */
export type Role = 'management' | 'operation' | 'service'

export type ApiKeys = Readonly<Record<Role, readonly string[]>>

/** Which role serves `/v1/certificate/**`: it moved from key operation to key management between TSB versions. */
export type CertificateRole = 'auto' | 'management' | 'operation'

const isCertificateCall = (call: TsbCall): boolean => call === 'certificate-request' || call === 'delete-certificate'
const isServiceCall = (call: TsbCall): boolean => call === 'version-info' || call === 'license-info' || call === 'keystore-statistics'

/** Sends one call with the right API key; knows which keys and which role worked last. */
export interface Roles {
  send(call: TsbCall, sendWith: (apiKey: string | undefined) => Promise<TsbAnswer>): Promise<TsbAnswer>
}

/**
 * API keys by role, with rollover: on 401 with 631 the role's next key makes the same call again. The TSB refuses a key before it acts
 * (contract, section 3.4), so this is safe for every call, create-key included. With `auto`, certificate calls try the role that worked last
 * (at first key management), and the other one after 401 or 403.
 * @param apiKeys accepted keys per role; an empty list sends no `X-API-KEY`
 * @param certificateRole the operator's word, or `auto`
 */
export function rolesOf(apiKeys: ApiKeys, certificateRole: CertificateRole): Roles {
  const current: Record<Role, number> = { management: 0, operation: 0, service: 0 }
  let learned: 'management' | 'operation' = 'management'

  const sendAs = async (role: Role, sendWith: (apiKey: string | undefined) => Promise<TsbAnswer>): Promise<TsbAnswer> => {
    const keys = apiKeys[role]
    const first = current[role]
    let answer = await sendWith(keys[first])
    for (let tried = 1; tried < keys.length && isInvalidKey(answer); tried += 1) {
      const index = (first + tried) % keys.length
      answer = await sendWith(keys[index])
      if (!isInvalidKey(answer)) current[role] = index
    }
    return answer
  }

  return {
    async send(call, sendWith) {
      if (!isCertificateCall(call)) return sendAs(isServiceCall(call) ? 'service' : 'management', sendWith)
      if (certificateRole !== 'auto') return sendAs(certificateRole, sendWith)
      const first = await sendAs(learned, sendWith)
      if (!refusesCredentials(first)) return first
      const other = learned === 'management' ? 'operation' : 'management'
      if (apiKeys[other].length === 0) return first
      const second = await sendAs(other, sendWith)
      // Only a success teaches: a gateway's 503 says nothing of roles. And what was learned can change with the TSB's next version.
      if (second.status >= 200 && second.status < 300) learned = other
      return refusesCredentials(second) ? first : second
    },
  }
}

const refusesCredentials = (answer: TsbAnswer): boolean => answer.status === 401 || answer.status === 403
const isInvalidKey = (answer: TsbAnswer): boolean => answer.status === 401 && readErrorBody(answer.body).errorCode === INVALID_API_KEY
