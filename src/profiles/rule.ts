import Type, { type Static, type TObject } from 'typebox'
import type { CertificateFacts } from '../evidence/certificate-facts.ts'
import type { SubjectField } from '../evidence/evidence.ts'

/** One place where facts break a rule. */
export interface Violation {
  /** RFC 6901 pointer into the request body of `POST /v1/attestation-bundles`; its last part names what is meant in a report as well. */
  readonly pointer: string
  /** What is expected there, as the end of a sentence. Never the value itself. */
  readonly expected: string
  /** Well-formed values made of the wrong one, for "did you mean". */
  readonly hints?: readonly string[]
}

/** A kind of rule: the members that it has in a profile's file, what such a rule says, and what breaks it. */
export interface RuleKind<Members extends TObject = TObject> {
  readonly members: Members
  /** One sentence without a full stop, for people. */
  describe(rule: Static<Members>): string
  /** Empty where the facts keep the rule. */
  violations(rule: Static<Members>, facts: CertificateFacts): readonly Violation[]
}

/** Keeps the members' types together with the functions that use them. */
export function ruleKind<Members extends TObject>(kind: RuleKind<Members>): RuleKind<Members> {
  return kind
}

export const SUBJECT_FIELDS: readonly SubjectField[] = [
  'commonName', 'country', 'stateOrProvinceName', 'locality', 'organizationName', 'organizationIdentifier', 'organizationUnitName', 'email',
  'title', 'surname', 'givenName', 'initials', 'generationQualifier',
]

/** The subject in the request body. */
export const SUBJECT = '/csr/standardCertificateAttributes'

/** A list of names out of a fixed set, one at least. */
export const namesOf = <Name extends string>(names: readonly Name[], minItems = 1) =>
  Type.Array(Type.Enum([...names]), { minItems, uniqueItems: true })

/** @returns names as a list in a sentence, e.g. `A, B or C` */
export function listed(names: readonly string[], conjunction: 'and' | 'or' = 'or'): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} ${conjunction} ${names.at(-1)}`
}
