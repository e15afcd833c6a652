import type { CheckResult, RequestedKey } from '../evidence/evidence.ts'
import tsbDefault from './tsb-default.json' with { type: 'json' }

/** A profile is data: rules with their sources. */
interface Profile {
  readonly name: string
  readonly title: string
  readonly warnings: {
    readonly rsaBitsBelow: { readonly bits: number; readonly reason: string; readonly source: string }
    readonly extendedKeyUsage: { readonly values: readonly string[]; readonly reason: string; readonly source: string }
  }
}

export type ProfileName = 'tsb-default'
export const PROFILE_NAMES: ProfileName[] = ['tsb-default']

const PROFILES: Readonly<Record<ProfileName, Profile>> = { 'tsb-default': tsbDefault }

/**
 * Holds a request against a profile. The evidence checks prove separately that key and CSR are what was requested,
 * so a rule about the request is a rule about the evidence.
 * @param name the profile
 * @param request what was asked of the HSM
 * @returns one result per rule, ids `profile.*`
 */
export function checkProfile(name: ProfileName, request: RequestedKey): CheckResult[] {
  const { rsaBitsBelow, extendedKeyUsage } = PROFILES[name].warnings
  const weak = request.algorithm === 'RSA' && (request.keySize ?? 0) < rsaBitsBelow.bits
  const discouraged = request.extendedKeyUsage.filter((usage) => extendedKeyUsage.values.includes(usage))
  return [
    {
      id: 'profile.key-strength',
      outcome: weak ? 'warning' : 'passed',
      detail: weak
        ? `RSA-${request.keySize}: ${rsaBitsBelow.reason} (${rsaBitsBelow.source})`
        : `profile ${name}: no objection to the algorithm and size of the key`,
    },
    {
      id: 'profile.extended-key-usage',
      outcome: discouraged.length > 0 ? 'warning' : 'passed',
      detail: discouraged.length > 0
        ? `${discouraged.join(', ')}: ${extendedKeyUsage.reason} (${extendedKeyUsage.source})`
        : `profile ${name}: no objection to the extended key usage`,
    },
  ]
}
