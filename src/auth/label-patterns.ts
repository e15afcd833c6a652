/** A label as an order asks for it: as it stands, or a prefix that a hyphen and the transaction's id will follow. */
export interface RequestedLabel {
  readonly kind: 'exact' | 'prefix'
  readonly value: string
}

/** As long as a transaction's id, of a character that no pattern can name: only `*` matches it, so what matches holds for every id. */
const ANY_ID = '\0'.repeat(36)

/**
 * Whether a caller may use a label.
 * @param patterns where `*` stands for any characters, also none; everything else for itself, in its own case
 * @param label for a prefix, the pattern must match whatever the transaction's id will be
 */
export function allowsLabel(patterns: readonly string[], { kind, value }: RequestedLabel): boolean {
  const label = kind === 'exact' ? value : `${value}-${ANY_ID}`
  return patterns.some((pattern) => matches(pattern, label))
}

/** Goes through the label once. A regular expression made of many stars would take a time with their number as its power. */
function matches(pattern: string, label: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return pattern === label
  if (label.length < first.length + last.length || !label.startsWith(first) || !label.endsWith(last)) return false
  const end = label.length - last.length
  let from = first.length
  for (const part of rest) {
    const found = label.indexOf(part, from)
    if (found === -1 || found + part.length > end) return false
    from = found + part.length
  }
  return true
}
