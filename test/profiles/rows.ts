import { order } from '../support/service.ts'

/** Values by JSON pointer into the request body; `undefined` takes a member away. */
export type Change = Readonly<Record<string, unknown>>

/** A change of a good request, the one rule that it breaks, and where. */
export interface Break {
  readonly rule: string
  readonly change: Change
  readonly pointer: string
}

export interface Row {
  /** What makes the usual body of the tests (an EC key, CN, O and C) a good request. */
  readonly good: Change
  /** One for every rule of severity `error`. */
  readonly errors: readonly Break[]
  /** One for every rule of severity `warning`. */
  readonly warnings: readonly Break[]
}

const S = '/csr/standardCertificateAttributes'
const breaks = (rule: string, pointer: string, value: unknown, beside: Change = {}): Break =>
  ({ rule, pointer, change: { [pointer]: value, ...beside } })

const rsa = (keySize: number): Change => ({ '/key/algorithm': 'RSA', '/key/curveOid': undefined, '/key/keySize': keySize })
const ed25519: Break = breaks('key-algorithm', '/key/algorithm', 'ED', { '/key/curveOid': '1.3.101.112' })
const secp256k1: Break = breaks('key-curve', '/key/curveOid', '1.3.132.0.10')
const rsa2048: Break = { rule: 'key-strength', change: rsa(2048), pointer: '/key/keySize' }
const ec: Break = breaks('key-algorithm', '/key/algorithm', 'EC', { '/key/curveOid': '1.2.840.10045.3.1.7', '/key/keySize': undefined })
const decrypt: Break = breaks('key-attribute', '/key/attributes/decrypt', true)
const modifiable: Break = breaks('key-attribute', '/key/attributes/modifiable', true)
const noSuchCountry: Break = breaks('subject-country', `${S}/country`, 'ZZ')
const longName: Break = breaks('subject-length', `${S}/organizationName`, 'x'.repeat(65))
const email: Break = breaks('subject-forbidden', `${S}/email`, 'seal@example.com')
const usage: Break = breaks('extended-key-usage', '/csr/extendedKeyUsage', ['CLIENT_AUTH'])
const identifier: Break = breaks('organization-identifier', `${S}/organizationIdentifier`, 'CHE-464.234.583 MWST')
const otherCountry: Break = breaks('organization-identifier-country', `${S}/organizationIdentifier`, 'VATDE-123456789')
// The name is what is changed, so that the identifier stays well-formed; the fault is told at the identifier.
const nameAsIdentifier = (value: string): Break =>
  ({ rule: 'subject-different', change: { [`${S}/organizationName`]: value }, pointer: `${S}/organizationIdentifier` })

const CONTENT_COMMITMENT = { '/csr/keyUsage': ['CONTENT_COMMITMENT'] }
const UID = 'NTRCH-CHE-464.234.583'
const PSD = 'PSDCH-FINMA-1234'

/** One row per profile: a new profile needs one here. */
export const ROWS: Readonly<Record<string, Row>> = {
  'tsb-default': {
    good: {},
    errors: [],
    warnings: [rsa2048, longName, identifier, breaks('extended-key-usage', '/csr/extendedKeyUsage', ['ANY_EXTENDED_KEY_USAGE'])],
  },
  'qualified-seal': {
    good: { ...CONTENT_COMMITMENT, [`${S}/organizationIdentifier`]: UID },
    errors: [
      ed25519, rsa2048, secp256k1, decrypt, breaks('subject-required', `${S}/organizationIdentifier`, undefined),
      breaks('subject-forbidden', `${S}/surname`, 'Muster'), noSuchCountry, identifier, nameAsIdentifier(UID.toLowerCase()),
      breaks('key-usage', '/csr/keyUsage', ['DIGITAL_SIGNATURE']), usage,
    ],
    warnings: [
      modifiable, email, otherCountry, longName, breaks('key-usage', '/csr/keyUsage', ['DIGITAL_SIGNATURE', 'CONTENT_COMMITMENT']),
    ],
  },
  'qualified-signature': {
    good: { ...CONTENT_COMMITMENT, [`${S}/commonName`]: 'Erika Muster', [`${S}/givenName`]: 'Erika', [`${S}/surname`]: 'Muster' },
    errors: [
      ed25519, rsa2048, secp256k1, decrypt, breaks('subject-required', `${S}/country`, undefined),
      { rule: 'subject-one-of', change: { [`${S}/givenName`]: undefined, [`${S}/surname`]: undefined }, pointer: S },
      breaks('subject-together', `${S}/organizationName`, undefined, { [`${S}/organizationIdentifier`]: UID }), noSuchCountry, identifier,
      breaks('key-usage', '/csr/keyUsage', ['CONTENT_COMMITMENT', 'KEY_ENCIPHERMENT']), usage,
    ],
    warnings: [modifiable, email, longName, breaks('key-usage', '/csr/keyUsage', ['DIGITAL_SIGNATURE', 'CONTENT_COMMITMENT'])],
  },
  'code-signing': {
    good: { [`${S}/locality`]: 'Zug', '/csr/extendedKeyUsage': ['CODE_SIGNING'] },
    errors: [
      ed25519, rsa2048, breaks('key-curve', '/key/curveOid', '1.3.36.3.3.2.8.1.1.7'),
      breaks('subject-required', `${S}/organizationName`, undefined),
      { rule: 'subject-one-of', change: { [`${S}/locality`]: undefined }, pointer: S },
      breaks('subject-content', `${S}/stateOrProvinceName`, '- .'),
      noSuchCountry, breaks('key-usage', '/csr/keyUsage', ['CONTENT_COMMITMENT']),
      breaks('extended-key-usage', '/csr/extendedKeyUsage', ['CODE_SIGNING', 'ANY_EXTENDED_KEY_USAGE']),
    ],
    warnings: [
      decrypt, modifiable, breaks('subject-forbidden', `${S}/organizationUnitName`, 'IT'), longName,
      breaks('key-usage', '/csr/keyUsage', ['DIGITAL_SIGNATURE', 'CONTENT_COMMITMENT']),
      breaks('extended-key-usage', '/csr/extendedKeyUsage', undefined),
      breaks('extended-key-usage', '/csr/extendedKeyUsage', ['CODE_SIGNING', 'CLIENT_AUTH']),
    ],
  },
  'psd2-qseal': {
    good: { ...rsa(3072), [`${S}/organizationIdentifier`]: PSD },
    errors: [
      ed25519, rsa2048, { ...secp256k1, change: { ...ec.change, ...secp256k1.change } }, decrypt,
      breaks('subject-required', `${S}/organizationIdentifier`, undefined), breaks('subject-forbidden', `${S}/givenName`, 'Erika'),
      noSuchCountry,
      breaks('organization-identifier', `${S}/organizationIdentifier`, 'PSDDE-BaFin-1234'), nameAsIdentifier(PSD),
      breaks('key-usage', '/csr/keyUsage', ['DIGITAL_SIGNATURE', 'KEY_AGREEMENT']), usage,
    ].map((each) => (each === ed25519 ? { ...each, change: { ...each.change, '/key/keySize': undefined } } : each)),
    warnings: [
      ec, modifiable, email, breaks('organization-identifier-scheme', `${S}/organizationIdentifier`, UID),
      breaks('organization-identifier-country', `${S}/organizationIdentifier`, 'PSDDE-BAFIN-1234'), longName,
    ],
  },
  'd-trust-psd2': {
    good: { ...rsa(3072), [`${S}/locality`]: 'Berlin', [`${S}/stateOrProvinceName`]: 'Berlin', [`${S}/country`]: 'DE' },
    errors: [
      rsa2048, breaks('subject-required', `${S}/locality`, undefined),
      breaks('subject-allowed', `${S}/organizationIdentifier`, 'PSDDE-BAFIN-1234'),
    ],
    warnings: [ec, decrypt, modifiable, longName, usage],
  },
  'digicert-eu-eseal': {
    good: rsa(3072),
    errors: [ec],
    warnings: [rsa2048, decrypt, modifiable],
  },
}

/**
 * The body of an order, with changes.
 * @param label the key's label
 * @param changes later ones win
 */
export function bodyOf(label: string, ...changes: readonly Change[]): Record<string, unknown> {
  const body: Record<string, unknown> = structuredClone(order(label))
  for (const [pointer, value] of changes.flatMap((change) => Object.entries(change))) {
    const path = pointer.slice(1).split('/')
    const last = path.pop()!
    let at = body
    for (const name of path) at = (at[name] ??= {}) as Record<string, unknown>
    if (value === undefined) delete at[last]
    else at[last] = value
  }
  return body
}
