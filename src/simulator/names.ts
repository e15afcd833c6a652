import { ia5String, oid, printableString, sequence, setOf, utf8String } from './der.ts'

/** One attribute of a name: its object identifier and its text. */
export interface NameAttribute {
  readonly type: string
  readonly value: string
}

/** A distinguished name in DER order: relative names, each with one attribute or (with `+`) several. */
export type Name = readonly (readonly NameAttribute[])[]

/** Attribute types by the keywords that keytool's DN strings use (`sun.security.x509.AVAKeyword`). */
export const attributeTypes: Readonly<Record<string, string>> = {
  CN: '2.5.4.3', C: '2.5.4.6', L: '2.5.4.7', ST: '2.5.4.8', S: '2.5.4.8', O: '2.5.4.10', OU: '2.5.4.11', T: '2.5.4.12',
  SURNAME: '2.5.4.4', SERIALNUMBER: '2.5.4.5', GIVENNAME: '2.5.4.42', INITIALS: '2.5.4.43', GENERATION: '2.5.4.44', DC: '0.9.2342.19200300.100.1.25',
  EMAILADDRESS: '1.2.840.113549.1.9.1', EMAIL: '1.2.840.113549.1.9.1', ORGANIZATIONIDENTIFIER: '2.5.4.97',
}

/**
 * Makes a name from keywords or dotted identifiers, in DER order.
 * @param pairs E.g. `['CN', 'attestation-key'], ['C', 'CH']`.
 */
export const nameOf = (...pairs: readonly (readonly [keyword: string, value: string])[]): Name =>
  pairs.map(([keyword, value]) => [{ type: attributeTypes[keyword.toUpperCase()] ?? keyword, value }])

const encodeValue = ({ type, value }: NameAttribute): Buffer => {
  if (type === attributeTypes['EMAILADDRESS'] || type === attributeTypes['DC']) return ia5String(value)
  return /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value) ? printableString(value) : utf8String(value)
}

/** Writes a name as keytool does: PrintableString where the character set allows, UTF8String otherwise, e-mail as IA5String. */
export const encodeName = (name: Name): Buffer =>
  sequence(...name.map((attributes) => setOf(...attributes.map((attribute) => sequence(oid(attribute.type), encodeValue(attribute))))))
