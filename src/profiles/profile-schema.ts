import Type, { type Static, type TObject } from 'typebox'
import { Value } from 'typebox/value'
import { RULE_KINDS, RULE_NAMES } from './rule-kinds.ts'

const text = Type.String({ maxLength: 600, pattern: '^\\S' })

const RULE_FRAME = {
  /** The kind of rule; it decides which further members there are. */
  rule: Type.Enum([...RULE_NAMES]),
  /** `error`: refused before anything is sent, and when it comes back. `warning`: stands in the report. */
  severity: Type.Enum(['error', 'warning']),
  /** Why somebody asks this, for the caller who broke the rule. */
  reason: text,
  /** Where it is written: document and clause, or page. */
  source: text,
}

/** A rule as far as all kinds have it. */
const Rule = Type.Object(RULE_FRAME)

/** A file of `src/profiles/`. The members of each rule are checked by its kind. */
export const ProfileFile = Type.Object({
  name: Type.String({ pattern: '^[a-z0-9]+(-[a-z0-9]+)*$', maxLength: 40 }),
  title: Type.String({ maxLength: 80, pattern: '^\\S' }),
  description: text,
  /** The day on which somebody last compared the rules with their sources. */
  comparedOn: Type.String({ pattern: '^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' }),
  rules: Type.Array(Rule, { minItems: 1 }),
  /** What the reader has to know and no rule can check, above all what the TSB's CSR cannot carry. */
  notes: Type.Array(Type.Object({ text, source: text }, { additionalProperties: false })),
}, { additionalProperties: false })
export type Profile = Static<typeof ProfileFile>
export type ProfileRule = Profile['rules'][number]

/** The schema of each kind of rule: the frame, its own members, and nothing else. */
export const RULE_SCHEMAS: Readonly<Record<string, TObject>> = Object.fromEntries(Object.entries(RULE_KINDS).map(([name, { members }]) => {
  const own = 'minProperties' in members && typeof members.minProperties === 'number' ? members.minProperties : 0
  const options = { additionalProperties: false, minProperties: Object.keys(RULE_FRAME).length + own }
  return [name, Type.Object({ ...RULE_FRAME, rule: Type.Literal(name), ...members.properties }, options)]
}))

/**
 * Checks the content of a profile's file.
 * @param content parsed JSON
 * @returns one line per fault, each with its RFC 6901 pointer into the file; none for a profile
 */
export function faultsOfProfile(content: unknown): string[] {
  const faults = errorsOf(ProfileFile, content, '')
  if (faults.length > 0) return faults
  return (content as Profile).rules.flatMap((rule, position) => errorsOf(RULE_SCHEMAS[rule.rule]!, rule, `/rules/${position}`))
}

function errorsOf(schema: TObject, value: unknown, at: string): string[] {
  // What additionalProperties forbids, the validator reports twice: at the object, and at each member as a schema that nothing fits.
  const errors = [...Value.Errors(schema, value)].filter(({ keyword }) => keyword !== 'additionalProperties')
  return errors.map(({ keyword, instancePath, params, message }) => {
    if (keyword === 'boolean') return `${at}${instancePath} is not a member that is known here`
    const choice = keyword === 'enum' && 'allowedValues' in params ? ` (${(params.allowedValues as readonly unknown[]).join(', ')})` : ''
    return `${at}${instancePath} ${message}${choice}`.trim()
  })
}
