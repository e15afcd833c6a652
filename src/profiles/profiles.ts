import type { CertificateFacts } from '../evidence/certificate-facts.ts'
import type { CheckResult } from '../evidence/evidence.ts'
import { loadProfiles } from './load-profiles.ts'
import type { Profile, ProfileRule } from './profile-schema.ts'
import { RULE_KINDS, RULE_NAMES } from './rule-kinds.ts'
import type { Violation } from './rule.ts'

const PROFILES = loadProfiles(new URL('.', import.meta.url))

/** One of PROFILE_NAMES: the schemas of request and settings let nothing else pass. */
export type ProfileName = string
export const PROFILE_NAMES: ProfileName[] = [...PROFILES.keys()]

/** A fault of the request body: where, and what is expected. */
interface Refusal {
  readonly pointer: string
  readonly detail: string
}

/**
 * @param name one of PROFILE_NAMES
 * @throws Error for a name that no file has
 */
export function profileOf(name: ProfileName): Profile {
  const profile = PROFILES.get(name)
  if (profile === undefined) throw new Error(`there is no profile ${name}`)
  return profile
}

/**
 * Holds facts of a request against a profile, before anything is sent.
 * @param name the profile
 * @param facts what would be certified
 * @returns one entry per place that breaks a rule of severity `error`; none repeats the value that stands there, but for a corrected form
 */
export function refusalsOf(name: ProfileName, facts: CertificateFacts): Refusal[] {
  const errors = profileOf(name).rules.filter(({ severity }) => severity === 'error')
  return errors.flatMap((rule) => violationsOf(rule, facts).map((violation) => ({
    pointer: violation.pointer, detail: detailOf(rule, violation),
  })))
}

/**
 * Holds facts against a profile, for the report: those that were read from what came back, since a rule about the request alone would
 * certify the request.
 * @param name the profile
 * @param facts undefined where they could not be read: the checks are then `skipped`, which refuses
 * @returns one result per kind of rule that the profile has, ids `profile.*`; `failed` where a rule of severity `error` is broken
 */
export function checkProfile(name: ProfileName, facts: CertificateFacts | undefined): CheckResult[] {
  const { rules } = profileOf(name)
  return RULE_NAMES.flatMap((kind) => {
    const ofKind = rules.filter(({ rule }) => rule === kind)
    return ofKind.length === 0 ? [] : [{ id: `profile.${kind}`, ...(facts ? judge(name, ofKind, facts) : UNREAD) }]
  })
}

const UNREAD = { outcome: 'skipped', detail: 'Not checked: what came back could not be read.' } as const

function judge(name: ProfileName, rules: readonly ProfileRule[], facts: CertificateFacts): Omit<CheckResult, 'id'> {
  const broken = rules.flatMap((rule) => violationsOf(rule, facts).map((violation) => ({ rule, violation })))
  if (broken.length === 0) {
    const sources = [...new Set(rules.map(({ source }) => source))].join('; ')
    return { outcome: 'passed', detail: `Profile ${name}: ${rules.map(describeRule).join('; ')} (${sources}).` }
  }
  const isRefused = broken.some(({ rule }) => rule.severity === 'error')
  const detail = broken.map(({ rule, violation }) => `${violation.pointer.split('/').at(-1)} ${detailOf(rule, violation)}.`).join(' ')
  return { outcome: isRefused ? 'failed' : 'warning', detail: `Profile ${name}: ${detail}` }
}

/** @returns what a rule says, as a sentence without a full stop */
export function describeRule(rule: ProfileRule): string {
  return RULE_KINDS[rule.rule]!.describe(rule)
}

function violationsOf(rule: ProfileRule, facts: CertificateFacts): readonly Violation[] {
  return RULE_KINDS[rule.rule]!.violations(rule, facts)
}

/** A hint may repeat the value: it is the caller's own, put right. */
function detailOf({ reason, source }: ProfileRule, { expected, hints = [] }: Violation): string {
  const hint = hints.length === 0 ? ':' : `; did you mean ${hints.map((value) => `\`${value}\``).join(' or ')}?`
  return `${expected}${hint} ${reason} (${source})`
}
