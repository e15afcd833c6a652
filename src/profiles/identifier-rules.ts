import Type from 'typebox'
import type { CertificateFacts } from '../evidence/certificate-facts.ts'
import { organizationIdentifierHints } from './organization-identifier-hint.ts'
import { readOrganizationIdentifier, SCHEMES, type OrganizationIdentifier } from './organization-identifier.ts'
import { listed, namesOf, ruleKind, SUBJECT, type Violation } from './rule.ts'

const at = (expected: string, hints?: readonly string[]): Violation =>
  ({ pointer: `${SUBJECT}/organizationIdentifier`, expected, ...(hints && hints.length > 0 && { hints }) })

const syntax = ruleKind({
  members: Type.Object({}),
  describe: () => 'organizationIdentifier, if there is one, has the syntax of ETSI EN 319 412-1, and an LEI or Swiss UID its check digits',
  violations: (_rule, { subject }) => (subject.organizationIdentifier ?? []).flatMap((text) => {
    const read = readOrganizationIdentifier(text)
    return typeof read === 'string' ? [at(read, organizationIdentifierHints(text))] : []
  }),
})

const scheme = ruleKind({
  members: Type.Object({ schemes: namesOf(SCHEMES) }),
  describe: ({ schemes }) => `organizationIdentifier, if there is one, is of type ${listed(schemes)}`,
  violations: ({ schemes }, facts) => wellFormed(facts).every((read) => schemes.includes(read.scheme))
    ? []
    : [at(`must be of type ${listed(schemes)}`)],
})

/** Codes of VAT numbers whose country has another code in ISO 3166-1. */
const COUNTRY_OF: Readonly<Record<string, string>> = { EL: 'GR', XI: 'GB' }

const country = ruleKind({
  members: Type.Object({}),
  describe: () => 'organizationIdentifier, if it is no LEI, names the country of the subject',
  violations: (_rule, facts) => {
    const [subjectCountry] = facts.subject.country ?? []
    if (subjectCountry === undefined) return []
    const named = wellFormed(facts).filter((read) => read.scheme !== 'LEI').map((read) => COUNTRY_OF[read.country] ?? read.country)
    return named.every((code) => code === subjectCountry) ? [] : [at('must name the country of the subject')]
  },
})

/** What is not well-formed is the business of the first rule alone. */
function wellFormed({ subject }: CertificateFacts): OrganizationIdentifier[] {
  return (subject.organizationIdentifier ?? []).map(readOrganizationIdentifier).filter((read) => typeof read !== 'string')
}

/** Rules about organizationIdentifier. */
export const IDENTIFIER_RULES = {
  'organization-identifier': syntax, 'organization-identifier-scheme': scheme, 'organization-identifier-country': country,
}
