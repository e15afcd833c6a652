import type { X509Certificate } from 'node:crypto'

/** One attribute as Node prints it: a name that OpenSSL knows, and the value escaped as RFC 2253 asks. */
const ATTRIBUTE = /^[A-Za-z][A-Za-z0-9-]*=/

/**
 * The subject as `openssl x509 -noout -subject -nameopt RFC2253` prints it behind `subject=`: last attribute first, with commas, and what
 * is not ASCII as `\C3\A4`. Node prints the same attributes and escapes, but in the certificate's order, one line each.
 * @returns undefined where there is no subject, or an attribute that OpenSSL has no name for: it prints those in another form than Node
 */
export function rfc2253Subject({ subject }: X509Certificate): string | undefined {
  // Line feeds, and `+` inside a value, are escaped: what stands bare separates.
  const parts = (subject as string | undefined)?.split(/(\n| \+ )/) ?? []
  const attributes = parts.filter((_part, index) => index % 2 === 0)
  if (attributes.length === 0 || !attributes.every((attribute) => ATTRIBUTE.test(attribute))) return undefined
  const text = parts.reverse().map((part) => part === '\n' ? ',' : part === ' + ' ? '+' : part).join('')
  return text.replace(/[^\0-\x7f]/gu, escapedBytes)
}

/** UTF-8 beyond ASCII has two hexadecimal digits in each byte. */
const escapedBytes = (character: string): string =>
  [...Buffer.from(character)].map((byte) => `\\${byte.toString(16).toUpperCase()}`).join('')
