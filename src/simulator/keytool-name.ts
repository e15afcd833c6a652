import { attributeTypes, type Name, type NameAttribute } from './names.ts'

/** The subject as the TSB's CSR call takes it (`standardCertificateAttributes`, contract 2.4). */
export interface CertificateAttributes {
  readonly commonName?: string | null
  readonly organizationUnitName?: string | null
  readonly organizationName?: string | null
  readonly organizationIdentifier?: string | null
  readonly locality?: string | null
  readonly stateOrProvinceName?: string | null
  readonly country?: string | null
  readonly email?: string | null
  readonly title?: string | null
  readonly surname?: string | null
  readonly givenName?: string | null
  readonly initials?: string | null
  readonly generationQualifier?: string | null
  /** Taken and silently dropped, as the TSB does. */
  readonly pseudonym?: string | null
}

/** The order in which the TSB joins the fields (contract 5.4). */
const order: readonly (readonly [field: keyof CertificateAttributes, keyword: string])[] = [
  ['commonName', 'CN'], ['organizationUnitName', 'OU'], ['organizationName', 'O'], ['organizationIdentifier', '2.5.4.97'], ['locality', 'L'],
  ['stateOrProvinceName', 'ST'], ['country', 'C'], ['email', 'EMAILADDRESS'], ['title', 'T'], ['surname', 'surname'],
  ['givenName', 'givenname'], ['initials', 'initials'], ['generationQualifier', 'generation'],
]

/** All fields that the call knows. */
export const subjectFields: readonly (keyof CertificateAttributes)[] = [...order.map(([field]) => field), 'pseudonym']

/** Joins the fields into a DN string without any escaping: this is how the TSB does it, and why values can inject names (contract 5.4). */
export const keytoolDn = (attributes: CertificateAttributes): string =>
  order.flatMap(([field, keyword]) => {
    const value = attributes[field]
    return value === undefined || value === null || value === '' ? [] : [`${keyword}=${value}`]
  }).join(', ')

/**
 * Reads a DN string as Java's `X500Name` does: commas and semicolons part relative names, plus signs part attributes, a backslash escapes,
 * quotes are stripped. The names come out in DER order, which is the string's reversed.
 * @throws Error with keytool's words when the string is not a DN.
 */
export function parseKeytoolDn(dn: string): Name {
  return split(dn, ',;').map((relative) => split(relative, '+').map(parseAttribute)).toReversed()
}

function split(text: string, separators: string): string[] {
  const parts: string[] = []
  let part = ''
  let quoted = false
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charAt(index)
    if (character === '\\') {
      part += character + text.charAt(index + 1)
      index += 1
      continue
    }
    if (character === '"') quoted = !quoted
    if (!quoted && separators.includes(character)) {
      parts.push(part)
      part = ''
    } else part += character
  }
  return [...parts, part]
}

function parseAttribute(text: string): NameAttribute {
  const equals = text.indexOf('=')
  if (equals < 0) throw new Error('Incorrect AVA format')
  const keyword = text.slice(0, equals).trim()
  const type = /^\d+(\.\d+)+$/.test(keyword) ? keyword : attributeTypes[keyword.toUpperCase()]
  if (type === undefined) throw new Error(`Invalid keyword "${keyword}"`)
  return { type, value: parseValue(text.slice(equals + 1).trim()) }
}

function parseValue(text: string): string {
  if (text.startsWith('#')) throw new Error('AVA parse, invalid hex digit')
  const quoted = /^"((?:[^"\\]|\\.)*)"$/s.exec(text)
  const inner = quoted?.[1] ?? text
  const bare = quoted ? undefined : /(?:^|[^\\])([<>"])/.exec(inner)?.[1]
  if (bare !== undefined) throw new Error(`Character '${bare}' in AVA appears without escaping`)
  if (/\\(?![,=+<>#;\\" \n])/.test(inner.replaceAll('\\\\', ''))) throw new Error('Invalid escaped character in AVA')
  return inner.replace(/\\(.)/gs, '$1')
}
