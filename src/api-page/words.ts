import { html, type Markup } from '../html.ts'

/** Text of the document, in which backticks mark code. */
export function prose(text: string): Markup {
  return html`${text.split('`').map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : html`${part}`))}`
}

/** Lines as they are: each is escaped by itself, since a line feed would be made visible like any other control character. */
export function box(text: string): Markup {
  return html`<pre>${text.split('\n').map((line) => html`${line}
`)}</pre>`
}

export function commas(parts: readonly Markup[]): Markup {
  return html`${parts.map((part, i) => (i === 0 ? part : html`, ${part}`))}`
}
