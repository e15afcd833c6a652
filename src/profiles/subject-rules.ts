import Type from 'typebox'
import type { SubjectField } from '../evidence/evidence.ts'
import { COUNTRIES } from './countries.ts'
import { listed, namesOf, ruleKind, SUBJECT, SUBJECT_FIELDS, type Violation } from './rule.ts'

const fields = namesOf(SUBJECT_FIELDS)
const field = Type.Enum([...SUBJECT_FIELDS])
const at = (name: SubjectField, expected: string): Violation => ({ pointer: `${SUBJECT}/${name}`, expected })

const required = ruleKind({
  members: Type.Object({ attributes: fields }),
  describe: ({ attributes }) => `the subject has ${listed(attributes, 'and')}, each once`,
  violations: ({ attributes }, { subject }) => attributes.flatMap((name) => {
    const values = subject[name] ?? []
    if (values.length === 1 && values[0] !== '') return []
    return [at(name, values.length > 1 ? 'must stand in the subject once only' : 'is required')]
  }),
})

const oneOf = ruleKind({
  members: Type.Object({ attributes: fields }),
  describe: ({ attributes }) => `the subject has ${listed(attributes)}`,
  violations: ({ attributes }, { subject }) => attributes.some((name) => subject[name] !== undefined)
    ? []
    : [{ pointer: SUBJECT, expected: `must have ${listed(attributes)}` }],
})

const forbidden = ruleKind({
  members: Type.Object({ attributes: fields }),
  describe: ({ attributes }) => `the subject has no ${listed(attributes)}`,
  violations: ({ attributes }, { subject }) => attributes
    .filter((name) => subject[name] !== undefined)
    .map((name) => at(name, 'must be left out')),
})

const allowed = ruleKind({
  members: Type.Object({ attributes: fields }),
  describe: ({ attributes }) => `the subject has nothing but ${listed(attributes, 'and')}`,
  violations: ({ attributes }, { subject, furtherSubjectOids }) => {
    const expected = `must be left out: the subject may have ${listed(attributes, 'and')} only`
    const others = SUBJECT_FIELDS
      .filter((name) => subject[name] !== undefined && !attributes.includes(name))
      .map((name) => at(name, expected))
    if (furtherSubjectOids.length === 0) return others
    return [...others, { pointer: SUBJECT, expected: `must have ${listed(attributes, 'and')} only` }]
  },
})

const together = ruleKind({
  members: Type.Object({ attribute: field, needs: field }),
  describe: ({ attribute, needs }) => `a subject with ${attribute} has ${needs} as well`,
  violations: ({ attribute, needs }, { subject }) => subject[attribute] === undefined || subject[needs] !== undefined
    ? []
    : [at(needs, `is required beside ${attribute}`)],
})

const different = ruleKind({
  members: Type.Object({ attribute: field, from: field }),
  describe: ({ attribute, from }) => `${attribute} is not the same as ${from}`,
  violations: ({ attribute, from }, { subject }) => {
    const folded = (subject[from] ?? []).map((value) => value.toLowerCase())
    const isSame = (subject[attribute] ?? []).some((value) => folded.includes(value.toLowerCase()))
    return isSame ? [at(attribute, `must differ from ${from}`)] : []
  },
})

const length = ruleKind({
  members: Type.Object({ attributes: fields, atMost: Type.Integer({ minimum: 1, maximum: 200 }) }),
  describe: ({ attributes, atMost }) => `there are at most ${atMost} characters in ${listed(attributes, 'and')}`,
  violations: ({ attributes, atMost }, { subject }) => attributes
    // Code points, as X.520 counts: a letter outside the basic plane is one character, and two of JavaScript's.
    .filter((name) => (subject[name] ?? []).some((value) => [...value].length > atMost))
    .map((name) => at(name, `must have at most ${atMost} characters`)),
})

const content = ruleKind({
  members: Type.Object({}),
  describe: () => 'no attribute of the subject has only dots, hyphens and blanks',
  violations: (_rule, { subject }) => SUBJECT_FIELDS
    .filter((name) => (subject[name] ?? []).some((value) => /^[.\s-]*$/.test(value)))
    .map((name) => at(name, 'must have more than dots, hyphens and blanks')),
})

const country = ruleKind({
  members: Type.Object({}),
  describe: () => 'country, if there is one, is a code of ISO 3166-1',
  violations: (_rule, { subject }) => (subject.country ?? []).every((code) => COUNTRIES.has(code))
    ? []
    : [at('country', 'must be a country code of ISO 3166-1')],
})

/** Rules about the subject, organizationIdentifier apart. */
export const SUBJECT_RULES = {
  'subject-required': required, 'subject-one-of': oneOf, 'subject-forbidden': forbidden, 'subject-allowed': allowed,
  'subject-together': together, 'subject-different': different, 'subject-length': length, 'subject-content': content,
  'subject-country': country,
}
