/** Markup that is safe to put into a page: only `html` and `join` make it. */
export interface Markup {
  readonly markup: string
}

type Value = string | number | Markup | readonly Markup[]

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\'': '&#39;' }

/** Most values are: digests, names and times. */
const PLAIN = /^[ !#-%(-;=?-~]*$/

/**
 * The one way for text into a page. Markup becomes text, and what nobody can see becomes visible: control, bidi and other format characters,
 * line and paragraph separators, lone surrogates and ignorable fillers are written out as ⟨U+202E⟩, so that a name reads as it is stored
 * (Unicode TR 36: reversed and invisible text).
 * @param text anything from the TSB, the CSR or the request
 * @returns safe between tags and inside a quoted attribute value
 */
export function escapeHtml(text: string): string {
  if (PLAIN.test(text)) return text
  return text
    .replace(/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu, (hidden) => `⟨U+${hidden.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}⟩`)
    .replace(/[&<>"']/g, (character) => ENTITIES[character]!)
}

/**
 * A template whose every value is escaped unless it is markup already, so that nothing has to be remembered.
 * @example html`<td>${text}</td>`
 */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Markup {
  return { markup: parts.map((part, i) => (i === 0 ? part : `${render(values[i - 1]!)}${part}`)).join('') }
}

function render(value: Value): string {
  if (typeof value === 'string') return escapeHtml(value)
  if (typeof value === 'number') return String(value)
  return 'markup' in value ? value.markup : value.map(({ markup }) => markup).join('')
}

export const nothing: Markup = html``
