import type { IncomingHttpHeaders } from 'node:http'
import type { Call } from './calls.ts'
import type { Context, Role } from './options.ts'
import { clientFlags } from './service-calls.ts'
import { reasonBody, refusal, TsbRefusal } from './tsb-reasons.ts'

/**
 * Checks token, API key and licence, in the order of the TSB's filters (contract 7).
 * @throws TsbRefusal 406, 617, 416, 631 (or what `wrongRole` says for a key of another role), 451.
 */
export function authorize(context: Context, call: Call, headers: IncomingHttpHeaders): void {
  const { options } = context
  checkToken(options.bearerToken, headers.authorization)
  const roles = options.apiKeys ?? {}
  const accepted = roles[roleOf(context, call)]
  if (accepted !== undefined) {
    const sent = headers['x-api-key']
    if (typeof sent !== 'string' || sent === '') throw refusal(416, 'Missing API key.')
    if (!accepted.includes(sent)) throw Object.values(roles).some((keys) => keys.includes(sent)) ? wrongRole(context) : refusal(631, 'Invalid API key.')
  }
  if (call.role !== 'service' && !clientFlags(context).includes('REST_API')) throw refusal(451, 'The endpoint is not licensed.')
}

const roleOf = ({ options }: Context, call: Call): Role => {
  if (call.role !== 'certificate') return call.role
  return options.certificateRole === 'operation' ? 'keyOperation' : 'keyManagement'
}

function checkToken(expected: string | undefined, sent: string | undefined): void {
  if (expected === undefined) return
  if (sent === undefined) throw refusal(406, 'Missing access token.')
  if (sent !== `Bearer ${expected}`) throw refusal(617, 'Invalid access token.')
}

function wrongRole({ options }: Context): TsbRefusal {
  const { status, errorCode } = options.wrongRole ?? { status: 401, errorCode: 631 }
  return new TsbRefusal(status, errorCode === undefined ? { message: '' } : reasonBody(errorCode, 'Invalid API key.'))
}
