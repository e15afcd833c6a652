import { html, nothing, type Markup } from '../html.ts'
import type { Answer, MediaType, Parameter, PlacedOperation } from './api-document.ts'
import { curl } from './curl.ts'
import { kindOf, memberHead, memberList, rulesOf, typeOf } from './schema-list.ts'
import { box, commas, prose } from './words.ts'

const PROBLEM_TYPE = 'application/problem+json'

/** One operation: what to send, the command that sends it, and every answer. */
export function operationSection(placed: PlacedOperation): Markup {
  const { path, method, operation } = placed
  const { operationId: id, summary, description, parameters = [], requestBody, responses } = operation
  return html`<section aria-labelledby="${id}">
<h2 id="${id}">${summary}</h2>
<p class="route"><code>${method.toUpperCase()} ${path}</code></p>
${description === undefined ? nothing : html`<p>${prose(description)}</p>
`}<h3>Try it</h3>
${box(curl(placed))}
${parametersPart(parameters)}${bodyPart(requestBody?.content ?? {})}<h3>Answers</h3>
${Object.entries(responses).map(([status, answer]) => answerPart(status, answer))}</section>
`
}

function parametersPart(parameters: readonly Parameter[]): Markup {
  if (parameters.length === 0) return nothing
  return html`<h3>Parameters</h3>
<ul class="members">
${parameters.map(({ name, in: place, required, description, schema }) => html`<li>${memberHead(name, schema, required === true, place)}${description === undefined ? nothing : html`<p>${prose(description)}</p>
`}${rulesOf(schema)}</li>
`)}</ul>
`
}

function bodyPart(content: Readonly<Record<string, MediaType>>): Markup {
  return html`${Object.entries(content).map(([type, { schema, examples = {} }]) => html`<h3>Request body: <code>${type}</code></h3>
<p class="rule">${kindOf(schema)}</p>
${rulesOf(schema)}${memberList(schema)}${Object.entries(examples).map(([name, { summary, value }]) => example(html`Example <code>${name}</code>${summary === undefined ? nothing : html`: ${summary}`}`, value))}`)}`
}

function answerPart(status: string, { description, headers = {}, content = {} }: Answer): Markup {
  const problems = content[PROBLEM_TYPE]
  const schemas = Object.entries(content).map(([type, { schema }]) => html`<code>${type}</code> (${typeOf(schema)})`)
  return html`<section class="answer" data-kind="${status.startsWith('2') ? 'success' : 'problem'}">
<h4><span class="status">${status}</span> ${problems === undefined ? prose(description) : commas(Object.keys(problems.examples ?? {}).map((code) => html`<a href="#problem-${code}"><code>${code}</code></a>`))}</h4>
<p class="rule">${commas(schemas)}</p>
${Object.entries(headers).map(([name, { description: meaning = '', schema }]) => html`<p class="rule"><code>${name}</code>: ${prose(meaning)}${(schema.examples ?? []).map((value) => html`; for example <code>${String(value)}</code>`)}</p>
`)}${Object.entries(content).map(([type, media]) => Object.entries(media.examples ?? {}).map(([name, { summary, value }]) => {
    const meaning = type === PROBLEM_TYPE ? (value as { title: string }).title : summary
    return example(html`Example <code>${type === PROBLEM_TYPE ? name : type}</code>${meaning === undefined ? nothing : html`: ${meaning}`}`, value)
  })).flat()}</section>
`
}

function example(title: Markup, value: unknown): Markup {
  return html`<details><summary>${title}</summary>
${box(typeof value === 'string' ? JSON.stringify(value) : JSON.stringify(value, null, 2))}</details>
`
}
