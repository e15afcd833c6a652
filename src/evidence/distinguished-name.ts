import { oidOf, sequenceOf, TAG } from './der.ts'
import type { Der } from './der.ts'
import type { NameAttribute } from './evidence.ts'
import { utf8 } from './text.ts'

const STRING_TYPES: Record<number, string> = {
  [TAG.utf8String]: 'UTF8String', [TAG.printableString]: 'PrintableString', [TAG.ia5String]: 'IA5String',
  [TAG.teletexString]: 'TeletexString', [TAG.universalString]: 'UniversalString', [TAG.bmpString]: 'BMPString',
}

/**
 * Reads a Name (RFC 5280 4.1.2.4).
 * @returns its relative distinguished names in order; undefined when the structure is not a Name
 */
export function readName(name: Der | undefined): NameAttribute[][] | undefined {
  const rdns = sequenceOf(name, 0, 50)?.map(readRdn)
  return rdns?.every((rdn) => rdn !== undefined) ? rdns : undefined
}

function readRdn(rdn: Der): NameAttribute[] | undefined {
  if (rdn.tag !== TAG.set || rdn.children.length === 0) return undefined
  const attributes = rdn.children.map(readAttribute)
  return attributes.every((attribute) => attribute !== undefined) ? attributes : undefined
}

function readAttribute(attribute: Der): NameAttribute | undefined {
  const [type, value] = sequenceOf(attribute, 2) ?? []
  const oid = oidOf(type)
  return oid === undefined || !value ? undefined : { oid, type: STRING_TYPES[value.tag] ?? `tag ${value.tag}`, value: readString(value) }
}

/** The text, only of the three types that RFC 5280 lets CAs write today, and only in their own alphabets (X.680 41.4). */
function readString({ tag, contents }: Der): string | undefined {
  const text = utf8(contents)
  if (text === undefined) return undefined
  switch (tag) {
    case TAG.utf8String: return text
    case TAG.printableString: return /^[A-Za-z0-9 '()+,./:=?-]*$/.test(text) ? text : undefined
    case TAG.ia5String: return /^[\x00-\x7f]*$/.test(text) ? text : undefined
    default: return undefined
  }
}

const SHORT_NAMES: Record<string, string> = {
  '2.5.4.3': 'CN', '2.5.4.6': 'C', '2.5.4.7': 'L', '2.5.4.8': 'ST', '2.5.4.10': 'O', '2.5.4.11': 'OU', '2.5.4.97': 'organizationIdentifier',
}

/** A Name as one line for people, e.g. `CN=PRIMUS_HSM_ROOTKEY, C=CH`. Not for comparing. */
export function describeName(name: readonly (readonly NameAttribute[])[]): string {
  return name.flat().map(({ oid, value }) => `${SHORT_NAMES[oid] ?? oid}=${value ?? '?'}`).join(', ')
}
