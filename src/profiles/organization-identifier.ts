import { COUNTRIES } from './countries.ts'

/** Who keeps the register: the identity types of ETSI EN 319 412-1 LEG-5.1.4-3; `national` stands for two letters and a colon. */
export const SCHEMES = ['NTR', 'VAT', 'PSD', 'LEI', 'national'] as const
export type Scheme = (typeof SCHEMES)[number]

export interface OrganizationIdentifier {
  readonly scheme: Scheme
  readonly country: string
  readonly reference: string
}

/** A reference may hold hyphens, so the first one separates. No `+` and subdivision: that is for the CA/Browser Forum only. */
const FORM = /^(NTR|VAT|PSD|LEI|[A-Z]{2}:)([A-Z]{2})-(.+)$/su
/** No blank at either end, and nothing that cannot be seen or turns text around. */
const REFERENCE = /^[^\s\p{C}](?:[^\p{C}]*[^\s\p{C}])?$/u
/** ETSI TS 119 495 GEN-5.2.1-3: the competent authority in 2 to 8 capital letters, a hyphen, the authorisation number. */
const PSD_REFERENCE = /^[A-Z]{2,8}-./u
/** As the Swiss register writes it, with or without separators, and with the suffix of a VAT number. */
const SWISS_UID = /^CHE-?([0-9]{3})\.?([0-9]{3})\.?([0-9]{3})(?: (?:MWST|TVA|IVA))?$/

/**
 * Reads an organizationIdentifier by ETSI EN 319 412-1 section 5.1.4 (LEG-5.1.4-2 and -3), with the check digits of LEI and Swiss UID.
 * @param text the attribute's value
 * @returns its parts, or what it must be instead, as the end of a sentence that never repeats the value
 */
export function readOrganizationIdentifier(text: string): OrganizationIdentifier | string {
  const [, type, country, reference] = FORM.exec(text) ?? []
  if (type === undefined || country === undefined || reference === undefined || !REFERENCE.test(reference)) {
    return 'must be NTR, VAT, PSD, LEI or two letters and a colon, then a country, a hyphen and the number in that register, '
      + 'e.g. `NTRGB-12345678`'
  }
  const scheme = type.endsWith(':') ? 'national' : type as Scheme
  if (!isCountryOf(scheme, country)) {
    if (scheme === 'LEI') return 'must begin with LEIXG-: an LEI belongs to no country'
    return `must name a country of ISO 3166-1${scheme === 'VAT' ? ', EL or XI' : ''}`
  }
  const flaw = flawOfReference(scheme, country, reference)
  return flaw ?? { scheme, country, reference }
}

/** LEG-5.1.4-3: VAT numbers carry EL for Greece and XI for Northern Ireland, the LEI the global XG; ISO 3166-1 reserves EU. */
function isCountryOf(scheme: Scheme, country: string): boolean {
  if (scheme === 'LEI') return country === 'XG'
  return COUNTRIES.has(country) || country === 'EU' || (scheme === 'VAT' && (country === 'EL' || country === 'XI'))
}

function flawOfReference(scheme: Scheme, country: string, reference: string): string | undefined {
  if (scheme === 'LEI' && !isLei(reference)) {
    return 'must have behind LEIXG- an LEI of 20 characters whose check digits are right (ISO 17442, ISO 7064 MOD 97-10)'
  }
  if (scheme === 'PSD' && !PSD_REFERENCE.test(reference)) {
    return 'must have behind PSD, country and hyphen the competent authority in 2 to 8 capital letters, a hyphen '
      + 'and the authorisation number'
  }
  if (country === 'CH' && (scheme === 'NTR' || scheme === 'VAT') && /^CHE/i.test(reference) && !isSwissUid(reference)) {
    return 'must have behind the country a Swiss UID in the form CHE-000.000.000 whose check digit is right'
  }
  return undefined
}

/**
 * Tells a Legal Entity Identifier (ISO 17442): 18 characters and two check digits by ISO 7064 MOD 97-10.
 * @param text 20 capital letters and digits
 */
export function isLei(text: string): boolean {
  if (!/^[0-9A-Z]{18}[0-9]{2}$/.test(text)) return false
  const digits = [...text.slice(0, 18)].map((character) => Number.parseInt(character, 36)).join('')
  // Check digits are made, not only tested modulo 97: 00, 01 and 99 would pass such a test beside 97, 98 and 02.
  const check = 98n - (BigInt(digits) * 100n) % 97n
  return text.slice(18) === String(check).padStart(2, '0')
}

/**
 * Tells a Swiss enterprise identification number (UID): eight digits and a check digit modulo 11, weights 5, 4, 3, 2, 7, 6, 5, 4.
 * @param text e.g. `CHE-464.234.583`, also without separators or with the suffix of a VAT number
 */
export function isSwissUid(text: string): boolean {
  const digits = SWISS_UID.exec(text)?.slice(1, 4).join('')
  if (digits === undefined) return false
  const sum = [5, 4, 3, 2, 7, 6, 5, 4].reduce((total, weight, position) => total + weight * Number(digits[position]), 0)
  // A remainder of 10 has no digit: such numbers are never given out.
  return (11 - sum % 11) % 11 === Number(digits[8])
}
