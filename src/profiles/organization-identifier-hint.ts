import { EU_VAT_PREFIXES } from './countries.ts'
import { isLei, isSwissUid, readOrganizationIdentifier } from './organization-identifier.ts'

/** Longer than any identifier that a register gives out. */
const LONGEST = 100
/** A suggestion is shown between backticks. */
const PLAIN = /^[ -_a-z{-~]+$/

/**
 * Guesses what a malformed organizationIdentifier was meant to be: a bare Swiss UID, LEI or EU VAT number, small letters, blanks, another
 * dash.
 * @param text the attribute's value
 * @returns well-formed identifiers made of the value's own characters, the likeliest first; none where there is no good guess
 */
export function organizationIdentifierHints(text: string): string[] {
  if (text.length > LONGEST) return []
  const tidy = text.replace(/[\u2010-\u2015\u2212]/g, '-').replace(/\s+/g, ' ').trim()
  for (const guess of [swissUid, lei, separators, euVat]) {
    const fitting = guess(tidy, tidy.toUpperCase()).filter((hint) => hint !== text && isWellFormed(hint))
    if (fitting.length > 0) return fitting
  }
  return []
}

function isWellFormed(hint: string): boolean {
  return PLAIN.test(hint) && typeof readOrganizationIdentifier(hint) !== 'string'
}

/** `CHE-464.234.583 MWST` is the number of a VAT payer; without the suffix it may be meant as either. */
function swissUid(_tidy: string, upper: string): string[] {
  if (/^(PSD|LEI|[A-Z]{2}:)/.test(upper)) return []
  const [, ...parts] = /CHE[ .-]?([0-9]{3})[ .]?([0-9]{3})[ .]?([0-9]{3})(?![0-9])/.exec(upper) ?? []
  const uid = `CHE-${parts.join('.')}`
  if (!isSwissUid(uid)) return []
  if (/MWST|TVA|IVA|VAT|TAX/.test(upper)) return [`VATCH-${uid}`]
  return upper.startsWith('NTR') ? [`NTRCH-${uid}`] : [`NTRCH-${uid}`, `VATCH-${uid}`]
}

/** A bare LEI, or one behind `LEI` and whatever country. */
function lei(_tidy: string, upper: string): string[] {
  const plain = upper.replace(/[^0-9A-Z]/g, '')
  const found = [plain, plain.replace(/^LEI/, ''), plain.replace(/^LEI[A-Z]{2}/, '')].find(isLei)
  return found === undefined ? [] : [`LEIXG-${found}`]
}

/** Type and country are there; letters, blanks or the hyphen are not as they should be. The number itself is left as it is. */
function separators(tidy: string): string[] {
  const [, type, country, rest] = /^(NTR|VAT|PSD|LEI|[A-Z]{2}:)[ -]*([A-Z]{2})[ -]*(\S.*)$/i.exec(tidy) ?? []
  if (type === undefined || country === undefined || rest === undefined) return []
  const withAuthority = (): string => rest.replace(/^([A-Z]{2,8})[ -]+/i, (_, authority: string) => `${authority.toUpperCase()}-`)
  const reference = type.toUpperCase() === 'PSD' ? withAuthority() : rest
  return [`${type.toUpperCase()}${country.toUpperCase()}-${reference}`]
}

/** A bare VAT number of the EU: a prefix and 2 to 12 characters (VIES), here with five digits at least, so that no word passes for one. */
function euVat(_tidy: string, upper: string): string[] {
  const [, prefix, number] = /^([A-Z]{2})([0-9A-Z]{2,12})$/.exec(upper.replace(/[ ./-]/g, '')) ?? []
  // Greece is GR everywhere but in VAT numbers.
  const country = prefix === 'GR' ? 'EL' : prefix
  if (country === undefined || number === undefined || !EU_VAT_PREFIXES.includes(country)) return []
  if (number.replace(/[^0-9]/g, '').length < 5) return []
  return [`VAT${country}-${number}`]
}
