import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { organizationIdentifierHints } from '../../src/profiles/organization-identifier-hint.ts'
import { isLei, isSwissUid, readOrganizationIdentifier } from '../../src/profiles/organization-identifier.ts'

/** Public: GLEIF itself, Apple, Microsoft, Deutsche Bank. */
const LEIS = ['506700GE1G29325QX363', 'HWUPKR0MPOU8FGXBT394', 'INR2EJN1ERAN0W5ZP974', '7LTWFZYICNSX8D621K86']
/** Public: Securosys, Swisscom, UBS. */
const UIDS = ['CHE-464.234.583', 'CHE-101.654.423', 'CHE-101.329.561']

const DIGITS = '0123456789'
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
const isWellFormed = (text: string): boolean => typeof readOrganizationIdentifier(text) !== 'string'

/** Another character of the same kind at one place: one digit for one, one letter for one. */
const slip = (text: string, at: number, step: number): string => {
  const kind = DIGITS.includes(text[at]!) ? DIGITS : LETTERS
  const other = kind[(kind.indexOf(text[at]!) + step) % kind.length]!
  return text.slice(0, at) + other + text.slice(at + 1)
}

const anyLei = fc.string({ unit: fc.constantFrom(...DIGITS, ...LETTERS), minLength: 18, maxLength: 18 }).map((body) => {
  const digits = [...body].map((character) => Number.parseInt(character, 36)).join('')
  return `${body}${String(98n - BigInt(`${digits}00`) % 97n).padStart(2, '0')}`
})

describe('LEI', () => {
  for (const lei of LEIS) test(`${lei} is right`, () => assert.ok(isLei(lei)))
  test('the check digits of any 18 characters are accepted', () => { fc.assert(fc.property(anyLei, (lei) => isLei(lei))) })
  test('one wrong digit or letter is noticed, wherever it stands', () => {
    fc.assert(fc.property(anyLei, fc.nat(19), fc.integer({ min: 1, max: 9 }), (lei, at, step) => !isLei(slip(lei, at, step))))
  })
  test('two neighbours that changed places are noticed', () => {
    fc.assert(fc.property(anyLei, fc.nat(18), (lei, at) => {
      fc.pre(lei[at] !== lei[at + 1])
      // A letter is two digits, so places of letter and digit do not simply change; ISO 7064 promises it of characters of one kind.
      fc.pre(DIGITS.includes(lei[at]!) === DIGITS.includes(lei[at + 1]!))
      return !isLei(lei.slice(0, at) + lei[at + 1]! + lei[at]! + lei.slice(at + 2))
    }))
  })
  test('check digits that are right modulo 97 only are refused', () => {
    const body = LEIS[0]!.slice(0, 18)
    const right = [...Array(100).keys()].map((n) => String(n).padStart(2, '0')).filter((check) => isLei(body + check))
    assert.deepEqual(right, ['63'])
    const withCheck02 = fc.sample(anyLei.filter((lei) => lei.endsWith('02')), { numRuns: 1, seed: 1 })[0]!
    assert.equal(isLei(`${withCheck02.slice(0, 18)}99`), false)
  })
  for (const wrong of ['', LEIS[0]!.toLowerCase(), LEIS[0]!.slice(1), `${LEIS[0]}0`, ` ${LEIS[0]}`, `${LEIS[0]}\n`]) {
    test(`${JSON.stringify(wrong)} is none`, () => assert.equal(isLei(wrong), false))
  }
})

describe('Swiss UID', () => {
  for (const uid of UIDS) test(`${uid} is right`, () => assert.ok(isSwissUid(uid)))
  for (const form of ['CHE464234583', 'CHE-464234583', 'CHE-464.234.583 MWST', 'CHE-464.234.583 TVA', 'CHE-464.234.583 IVA']) {
    test(`${form} is the same number`, () => assert.ok(isSwissUid(form)))
  }
  test('one wrong digit is noticed, wherever it stands', () => {
    const places = [...UIDS[0]!].flatMap((character, at) => (DIGITS.includes(character) ? [at] : []))
    const slips = UIDS.flatMap((uid) => places.flatMap((at) => [1, 2, 3, 4, 5, 6, 7, 8, 9].map((step) => slip(uid, at, step))))
    assert.equal(slips.length, 3 * 9 * 9)
    assert.deepEqual(slips.filter(isSwissUid), [])
  })
  test('eight digits whose remainder is 10 have no ninth', () => {
    const withoutCheck = [...Array(100).keys()].map((n) => String(10_000_000 + n)).find((body) =>
      DIGITS.split('').every((check) => !isSwissUid(`CHE${body}${check}`)))
    assert.ok(withoutCheck)
  })
  for (const wrong of [
    '', 'CHE-464.234.58', 'che-464.234.583', 'CHE-464-234-583', 'CHE-464.234.583 VAT', 'CHF-464.234.583', 'CHE-464.234.583\n',
  ]) {
    test(`${JSON.stringify(wrong)} is none`, () => assert.equal(isSwissUid(wrong), false))
  }
})

describe('organizationIdentifier', () => {
  const good: readonly [string, string, string][] = [
    ['VATCH-CHE-464.234.583', 'VAT', 'CH'], ['NTRCH-CHE464234583', 'NTR', 'CH'], ['NTRCH-020.3.021.123-4', 'NTR', 'CH'],
    ['VATDE-123456789', 'VAT', 'DE'],
    ['NTRGB-12345678', 'NTR', 'GB'], ['VATEL-123456789', 'VAT', 'EL'], ['VATXI-123456789', 'VAT', 'XI'], ['VATEU-826010755', 'VAT', 'EU'],
    [`LEIXG-${LEIS[0]}`, 'LEI', 'XG'], ['PSDDE-BAFIN-1234', 'PSD', 'DE'], ['PSDFI-FINFSA-1234567-8', 'PSD', 'FI'],
    ['FT:ES-Q1234567A', 'national', 'ES'],
    ['NTRDE-HRB 12345 (Köln)', 'NTR', 'DE'], ['NTRDE--', 'NTR', 'DE'],
  ]
  for (const [text, scheme, country] of good) {
    test(`${text} is read`, () => {
      const { scheme: type, country: where } = Object(readOrganizationIdentifier(text)) as { scheme: string; country: string }
      assert.deepEqual([type, where], [scheme, country])
    })
  }
  const bad: readonly [string, RegExp][] = [
    ['CHE-464.234.583 MWST', /NTR, VAT, PSD, LEI or two letters/], ['', /two letters/], ['VATCH', /two letters/], ['VATCH-', /two letters/],
    ['VATCHCHE-464.234.583', /two letters/], ['vatch-CHE-464.234.583', /two letters/], ['VATch-CHE-464.234.583', /two letters/],
    ['VATCH- CHE-464.234.583', /two letters/], ['VATCH-CHE-464.234.583 ', /two letters/], ['VATDE-1\u202e23', /two letters/],
    ['VATDE-1\n2', /two letters/],
    ['GOVDE-1234', /two letters/], ['NTRUS+CA-1234', /two letters/], ['F1:ES-1', /two letters/], ['F:ES-1', /two letters/],
    ['NTRZZ-1', /country of ISO 3166-1$/], ['NTREL-1', /country of ISO 3166-1$/], ['NTRXG-1', /country of ISO 3166-1$/],
    ['VATXG-1', /country of ISO 3166-1, EL or XI$/],
    ['PSDXI-ABC-1', /country of ISO 3166-1$/], ['FT:XX-1', /country of ISO 3166-1$/],
    [`LEIDE-${LEIS[0]}`, /begin with LEIXG-/], [`LEIXG-${LEIS[0]!.slice(0, 19)}4`, /check digits/], ['LEIXG-1234', /check digits/],
    ['PSDDE-BaFin-1234', /competent authority/], ['PSDDE-1234', /competent authority/], ['PSDDE-BAFINBAFI-1', /competent authority/],
    ['PSDDE-B-1', /competent authority/],
    ['PSDDE-BAFIN-', /competent authority/],
    ['VATCH-CHE-464.234.584', /Swiss UID/], ['NTRCH-CHE-464.234.58', /Swiss UID/], ['VATCH-che-464.234.583', /Swiss UID/],
  ]
  for (const [text, flaw] of bad) {
    test(`${JSON.stringify(text)} is refused, and the reason does not repeat it`, () => {
      const read = readOrganizationIdentifier(text)
      assert.ok(typeof read === 'string')
      assert.match(read, flaw)
      assert.ok(text.length < 5 || !read.includes(text))
    })
  }
})

describe('what was meant', () => {
  const hints: readonly [string, readonly string[]][] = [
    ['CHE-464.234.583 MWST', ['VATCH-CHE-464.234.583']], ['CHE-464.234.583', ['NTRCH-CHE-464.234.583', 'VATCH-CHE-464.234.583']],
    ['che464234583', ['NTRCH-CHE-464.234.583', 'VATCH-CHE-464.234.583']], ['vatch-che-464.234.583', ['VATCH-CHE-464.234.583']],
    ['NTR CHE-464.234.583', ['NTRCH-CHE-464.234.583']], ['VATCHCHE-464.234.583', ['VATCH-CHE-464.234.583']],
    [LEIS[0]!, [`LEIXG-${LEIS[0]}`]], [LEIS[1]!.toLowerCase(), [`LEIXG-${LEIS[1]}`]], [`LEI${LEIS[2]}`, [`LEIXG-${LEIS[2]}`]],
    [`LEIDE-${LEIS[3]}`, [`LEIXG-${LEIS[3]}`]], ['5067 00GE 1G29 325Q X363', [`LEIXG-${LEIS[0]}`]],
    ['DE123456789', ['VATDE-123456789']], ['de 123 456 789', ['VATDE-123456789']], ['ATU12345678', ['VATAT-U12345678']],
    ['GR123456789', ['VATEL-123456789']],
    ['VATDE123456789', ['VATDE-123456789']], ['vatde-123456789', ['VATDE-123456789']], ['VATDE – 123456789', ['VATDE-123456789']],
    ['NTRGB 12345678', ['NTRGB-12345678']],
    ['PSDDE-BaFin-1234', ['PSDDE-BAFIN-1234']], ['psdde bafin 12a4', ['PSDDE-BAFIN-12a4']], ['ft:es-q1', ['FT:ES-q1']],
  ]
  for (const [text, expected] of hints) {
    test(`${text} may be ${expected.join(' or ')}`, () => assert.deepEqual(organizationIdentifierHints(text), expected))
  }

  const none = [
    '', 'Acme AG', 'CHE-464.234.584 MWST', '506700GE1G29325QX364', 'DEUTSCHLAND', 'GB123456789', 'NTRZZ-1', 'VATCH-CHE-464.234.584',
    '`'.repeat(20), 'x'.repeat(200),
  ]
  for (const text of none) {
    test(`nothing is guessed of ${JSON.stringify(text).slice(0, 40)}`, () => assert.deepEqual(organizationIdentifierHints(text), []))
  }
})

const pieces = fc.constantFrom(
  'VAT', 'NTR', 'PSD', 'LEI', 'ft:', 'CH', 'DE', 'XG', '-', ' ', '.', 'CHE', '464', '234', '583', 'MWST', LEIS[0]!,
  '`', '\u202e', '\u2013', 'ß',
)
/** As `fc.string({ unit: 'binary' })` would be, which lists all 1.1 million code points first: a second of computing. */
const anyText = fc.array(fc.nat(0x10ffff)).map((points) => String.fromCodePoint(...points))
const anything = fc.oneof(anyText, fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join('')))

test('whatever the text is, reading never throws and every guess is well-formed, plain and another text', () => {
  fc.assert(fc.property(anything, (text) => {
    readOrganizationIdentifier(text)
    for (const hint of organizationIdentifierHints(text)) {
      assert.ok(isWellFormed(hint) && hint !== text && /^[ -~]+$/.test(hint) && !hint.includes('`'), hint)
    }
  }), { numRuns: 2000 })
})

test('a text of any length is read in next to no time', () => {
  const started = process.cpuUsage()
  for (const text of ['VATCH-'.repeat(20_000), `VATCH-${'- '.repeat(60_000)}\n`, `PSDDE-${'A'.repeat(100_000)}`, ' '.repeat(100_000)]) {
    readOrganizationIdentifier(text)
    organizationIdentifierHints(text)
  }
  assert.ok(process.cpuUsage(started).user < 1_000_000)
})
