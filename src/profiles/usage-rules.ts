import Type from 'typebox'
import { listed, namesOf, ruleKind, type Violation } from './rule.ts'

/** The TSB's names of RFC 5280 4.2.1.3. */
const KEY_USAGES = [
  'DIGITAL_SIGNATURE', 'CONTENT_COMMITMENT', 'KEY_ENCIPHERMENT', 'DATA_ENCIPHERMENT', 'KEY_AGREEMENT', 'KEY_CERT_SIGN', 'CRL_SIGN',
  'ENCIPHER_ONLY', 'DECIPHER_ONLY',
] as const
/** The TSB's names of RFC 5280 4.2.1.12. */
const EXTENDED_KEY_USAGES = [
  'ANY_EXTENDED_KEY_USAGE', 'SERVER_AUTH', 'CLIENT_AUTH', 'CODE_SIGNING', 'EMAIL_PROTECTION', 'TIME_STAMPING', 'OCSP_SIGNING',
] as const

const has = (names: readonly string[]): string => `must have ${listed(names, 'and')}`
const hasNo = (names: readonly string[]): string => `must not have ${listed(names)}`

const keyUsage = ruleKind({
  members: Type.Object({
    sets: Type.Optional(Type.Array(namesOf(KEY_USAGES), { minItems: 1 })),
    required: Type.Optional(namesOf(KEY_USAGES)),
    forbidden: Type.Optional(namesOf(KEY_USAGES)),
  }, { minProperties: 1 }),
  describe: ({ sets, required, forbidden }) => [
    ...(sets ? [`key usage is exactly ${setsOf(sets)}`] : []),
    ...(required ? [`key usage has ${listed(required, 'and')}`] : []),
    ...(forbidden ? [`key usage has no ${listed(forbidden)}`] : []),
  ].join(', and '),
  violations: ({ sets, required = [], forbidden = [] }, facts) => [
    ...(!sets || sets.some((set) => sameSet(set, facts.keyUsage)) ? [] : [of('keyUsage', `must be exactly ${setsOf(sets)}`)]),
    ...(required.every((usage) => facts.keyUsage.includes(usage)) ? [] : [of('keyUsage', has(required))]),
    ...(forbidden.some((usage) => facts.keyUsage.includes(usage)) ? [of('keyUsage', hasNo(forbidden))] : []),
  ],
})

const extendedKeyUsage = ruleKind({
  members: Type.Object({
    allowed: Type.Optional(namesOf(EXTENDED_KEY_USAGES, 0)),
    required: Type.Optional(namesOf(EXTENDED_KEY_USAGES)),
    forbidden: Type.Optional(namesOf(EXTENDED_KEY_USAGES)),
  }, { minProperties: 1 }),
  describe: ({ allowed, required, forbidden }) => [
    ...(allowed?.length === 0 ? ['there is no extended key usage'] : []),
    ...(allowed && allowed.length > 0 ? [`extended key usage has nothing but ${listed(allowed, 'and')}`] : []),
    ...(required ? [`extended key usage has ${listed(required, 'and')}`] : []),
    ...(forbidden ? [`extended key usage has no ${listed(forbidden)}`] : []),
  ].join(', and '),
  violations: ({ allowed, required = [], forbidden = [] }, facts) => {
    const isOther = (usage: string): boolean => allowed !== undefined && !(allowed as readonly string[]).includes(usage)
    return [
      ...(allowed && facts.extendedKeyUsage.some(isOther)
        ? [of('extendedKeyUsage', allowed.length === 0 ? 'must be left out' : `may have ${listed(allowed, 'and')} only`)]
        : []),
      ...(required.every((usage) => facts.extendedKeyUsage.includes(usage)) ? [] : [of('extendedKeyUsage', has(required))]),
      ...(forbidden.some((usage) => facts.extendedKeyUsage.includes(usage)) ? [of('extendedKeyUsage', hasNo(forbidden))] : []),
    ]
  },
})

function of(name: 'keyUsage' | 'extendedKeyUsage', expected: string): Violation {
  return { pointer: `/csr/${name}`, expected }
}

function setsOf(sets: readonly (readonly string[])[]): string {
  return listed(sets.map((set) => set.join(' with ')))
}

function sameSet(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((usage) => other.includes(usage))
}

/** Rules about key usage and extended key usage. */
export const USAGE_RULES = { 'key-usage': keyUsage, 'extended-key-usage': extendedKeyUsage }
