/** Longest piece of outside text that a detail repeats. */
const LONGEST = 80

/**
 * Makes outside text fit for a report: control, format (bidi) and unassigned characters become `?`, and it is cut. Against terminal escape
 * sequences, lines forged in a log, and text that displays reversed (Unicode TR 36).
 * @param text anything from a zip, a CSR or a certificate
 * @returns at most 80 characters and an ellipsis, all printable
 */
export function clean(text: string): string {
  const characters = [...text.slice(0, 2 * LONGEST + 2)]
  const printable = characters.slice(0, LONGEST).join('').replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?')
  return characters.length > LONGEST ? `${printable}…` : printable
}

/** UTF-8 to text, or undefined where a byte is wrong. A byte order mark stays, as U+FEFF, so that strict readers see it. */
export function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** Whether two byte strings are the same. Public data only: not constant in time. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
