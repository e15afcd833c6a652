import { createHash } from 'node:crypto'
import { PROBLEM_CODES, PROBLEMS } from '../errors.ts'
import { html, nothing, type Markup } from '../html.ts'
import { operationsOf, type ApiDocument, type PlacedOperation } from './api-document.ts'
import { SERVER_VARIABLE } from './curl.ts'
import { operationSection } from './operation-section.ts'
import { memberList } from './schema-list.ts'
import { API_PAGE_STYLE } from './style.ts'
import { box, commas, prose } from './words.ts'

/** The page's policy: its one style sheet, by its hash, and nothing else. No script runs, nothing is loaded, nobody frames it. */
export const API_PAGE_POLICY = [
  "default-src 'none'", `style-src 'sha256-${createHash('sha256').update(API_PAGE_STYLE.markup).digest('base64')}'`,
  "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
].join('; ')

/**
 * `/docs`: the whole OpenAPI document as one page that loads and runs nothing, for screens of any width and for paper.
 * @param document as the routes' schemas make it; the same document gives the same page
 */
export function apiPage(document: ApiDocument): string {
  const { title, version, description = '' } = document.info
  const operations = operationsOf(document)
  const schemas = Object.entries(document.components.schemas)
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} ${version}: API</title>
<style>${API_PAGE_STYLE}</style>
</head>
<body>
<header>
<p class="kind">API, version ${version}</p>
<h1>${title}</h1>
<p>${prose(description)}</p>
<p>The same as an OpenAPI 3.1 document: <a href="openapi.json">openapi.json</a></p>
</header>
<nav aria-label="Contents">
<ul>
${operations.map(({ path, method, operation }) => html`<li><a href="#${operation.operationId}"><code>${method.toUpperCase()} ${path}</code></a> <span>${operation.summary}</span></li>
`)}<li><a href="#credentials">Server and credentials</a></li>
<li><a href="#problems">Problems</a></li>
${schemas.map(([name]) => html`<li><a href="#schema-${name}">Schema ${name}</a></li>
`)}</ul>
</nav>
<main>
${credentials(document)}${operations.map(operationSection)}${problems(operations)}${schemas.map(([name, schema]) => html`<section aria-labelledby="schema-${name}">
<h2 id="schema-${name}">Schema ${name}</h2>
${memberList(schema)}</section>
`)}</main>
</body>
</html>
`.markup
}

/** What to add to a command for each kind of credential that curl can show. */
const CURL_CREDENTIAL: Readonly<Record<string, string>> = {
  http: '-H "authorization: Bearer $CREDENTIAL"',
  mutualTLS: '--cert caller.pem --key caller.key',
}

function credentials({ components }: ApiDocument): Markup {
  return html`<section aria-labelledby="credentials">
<h2 id="credentials">Server and credentials</h2>
<p>The commands of this page run in a shell that knows where the service is:</p>
${box(`${SERVER_VARIABLE}=http://127.0.0.1:3000`)}
<p>Add to each of them what this instance asks for; with <code>AUTH_MODE=none</code> nothing:</p>
<ul class="members">
${Object.values(components.securitySchemes).map(({ type, description = '' }) => html`<li><p><code>${CURL_CREDENTIAL[type] ?? type}</code></p>
<p>${prose(description)}</p></li>
`)}</ul>
</section>
`
}

function problems(operations: readonly PlacedOperation[]): Markup {
  return html`<section aria-labelledby="problems">
<h2 id="problems">Problems</h2>
<p>Everything that is not a success is <code>application/problem+json</code> (RFC 9457). Decide on <code>code</code>, and on <code>transaction.rollback</code> where
there is a <code>transaction</code>: it says what is left at the HSM.</p>
<table>
<thead><tr><th scope="col">Status</th><th scope="col">Code</th><th scope="col">Meaning</th></tr></thead>
<tbody>
${PROBLEM_CODES.map((code) => html`<tr id="problem-${code}"><td>${PROBLEMS[code].status}</td><th scope="row"><code>${code}</code></th><td>${PROBLEMS[code].title}.${saidBy(code, operations)}${'retryAfterSeconds' in PROBLEMS[code] ? html` With <code>retry-after</code>.` : nothing}</td></tr>
`)}</tbody>
</table>
</section>
`
}

/** Links to the operations that answer with a problem; what none of them documents comes from the parser or the router, on any path. */
function saidBy(code: string, operations: readonly PlacedOperation[]): Markup {
  const saying = operations.filter(({ operation }) => Object.values(operation.responses).some(({ content = {} }) =>
    Object.values(content).some(({ examples = {} }) => code in examples)))
  if (saying.length === 0) return html` On any path.`
  return saying.length === operations.length ? nothing : html` Only from ${commas(saying.map(({ method, path, operation }) => html`<a href="#${operation.operationId}"><code>${shortName(method, path)}</code></a>`))}.`
}

/** Tells operations apart in few letters: the method, and the parameters of the path. */
/** Of the routes of the one resource, only what tells them apart. */
const shortName = (method: string, path: string): string => `${method.toUpperCase()} ${path.replace('/v1/attestation-bundles', '')}`.trimEnd()
