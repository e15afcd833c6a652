import { html, nothing, type Markup } from '../html.ts'
import { referredBy, type JsonSchema } from './api-document.ts'
import { commas, prose } from './words.ts'

/** The members of a schema as a list, those of nested objects below their parent. */
export function memberList(schema: JsonSchema): Markup {
  const members = Object.entries(objectIn(schema)?.properties ?? {})
  if (members.length === 0) return nothing
  const required = objectIn(schema)?.required ?? []
  return html`<ul class="members">
${members.map(([name, member]) => html`<li>${memberHead(name, member, required.includes(name))}${rulesOf(member)}${memberList(member)}</li>
`)}</ul>
`
}

/** @returns the object that a schema describes by itself or as the items of a list; a reference is described elsewhere */
function objectIn(schema: JsonSchema): JsonSchema | undefined {
  if (schema.properties !== undefined) return schema
  return schema.items === undefined ? undefined : objectIn(schema.items)
}

/** A name with the kind of its value and all that is short. */
export function memberHead(name: string, schema: JsonSchema, required: boolean, place?: string): Markup {
  const facts = [...place === undefined ? [] : [html`${place}`], typeOf(schema), ...shortRules(schema)]
  return html`<p><strong class="name">${name}</strong> <span class="type">${commas(facts)}</span>${required ? html` <em class="required">required</em>` : nothing}</p>
`
}

/** The same for a schema that has no name of its own. */
export const kindOf = (schema: JsonSchema): Markup => commas([typeOf(schema), ...shortRules(schema)])

/** What kind of value it is, in a few words. */
export function typeOf(schema: JsonSchema): Markup {
  const name = referredBy(schema)
  if (name !== undefined) return html`<a href="#schema-${name}">${name}</a>`
  if (schema.anyOf) return html`${schema.anyOf.map((choice, i) => (i === 0 ? typeOf(choice) : html` or ${typeOf(choice)}`))}`
  if (schema.contentMediaType !== undefined) return html`bytes`
  if (schema.items) return html`array of ${typeOf(schema.items)}`
  return commas([html`${schema.type ?? (schema.enum ? 'one of these' : 'anything')}`, ...schema.format === undefined ? [] : [html`${schema.format}`]])
}

/** Description and the longer constraints, one paragraph each. */
export function rulesOf(schema: JsonSchema): Markup {
  const rules = [...longRules(schema), ...schema.items ? longRules(schema.items).map((rule) => html`each: ${rule}`) : []]
  return html`${schema.description === undefined ? nothing : html`<p>${prose(schema.description)}</p>
`}${rules.map((rule) => html`<p class="rule">${rule}</p>
`)}`
}

function shortRules(schema: JsonSchema): Markup[] {
  const { minLength, maxLength, minimum, maximum, minItems, maxItems, uniqueItems, additionalProperties } = schema
  return [
    ...range(minLength, maxLength, ' characters'), ...range(minimum, maximum, ''), ...range(minItems, maxItems, ' entries'),
    ...uniqueItems === true ? [html`none twice`] : [],
    ...additionalProperties === false ? [html`no other members`] : [],
    ...'default' in schema ? [html`default <code>${written(schema.default)}</code>`] : [],
  ]
}

function longRules(schema: JsonSchema): Markup[] {
  const values = (list: readonly unknown[]): Markup => commas(list.map((value) => html`<code>${written(value)}</code>`))
  const { pattern, examples, anyOf = [] } = schema
  return [
    ...schema.enum ? [values(schema.enum)] : [],
    ...pattern === undefined ? [] : [html`pattern <code>${pattern}</code>`],
    ...examples ? [html`for example ${values(examples)}`] : [],
    ...anyOf.flatMap((choice) => {
      const rules = [choice, ...choice.items ? [choice.items] : []].flatMap((each) => [...shortRules(each), ...longRules(each)])
      return rules.length === 0 ? [] : [html`${typeOf(choice)}: ${commas(rules)}`]
    }),
  ]
}

function range(least: number | undefined, most: number | undefined, what: string): Markup[] {
  if (least === undefined && most === undefined) return []
  return [html`${least === undefined ? `at most ${most}` : most === undefined ? `at least ${least}` : `${least} to ${most}`}${what}`]
}

/** A string as it is, anything else as JSON. */
const written = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
