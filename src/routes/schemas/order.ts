import Type, { type Static } from 'typebox'
import { PROFILE_NAMES } from '../../profiles/profiles.ts'

// A `description` here is also what a caller reads when the pattern beside it refuses a value: it must say what is expected.

/** Printable ASCII: how the TSB reads other characters of a password is not documented (contract, section 2.1). */
const password = Type.Optional(Type.Union([
  Type.String({ pattern: '^[ -~]{1,128}$' }),
  Type.Array(Type.String({ pattern: '^[ -~]$' }), { minItems: 1, maxItems: 128 }),
  Type.Null(),
], { description: 'the key\'s password: 1 to 128 printable ASCII characters, as a string or as the TSB\'s array of single characters; null or left out for none' }))

const attribute = (description: string, fallback: boolean) => Type.Optional(Type.Boolean({ description, default: fallback }))

const KeyAttributes = Type.Object({
  sign: attribute('must be true', true),
  extractable: attribute('must be false', false),
  sensitive: attribute('must be true', true),
  copyable: attribute('must be false', false),
  modifiable: attribute('whether key attributes can be hardened later', false),
  destroyable: attribute('must be true: a key that cannot be destroyed cannot be rolled back', true),
  decrypt: attribute('a key for a qualified certificate has one purpose', false),
  unwrap: attribute('a key for a qualified certificate has one purpose', false),
  derive: attribute('a key for a qualified certificate has one purpose', false),
}, { additionalProperties: false, description: 'key attributes in the TSB\'s names; what is left out is sent with the default shown' })

const Key = Type.Object({
  label: Type.Optional(Type.String({
    pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,126}[A-Za-z0-9]$',
    description: '2 to 128 letters, digits, dots, hyphens and underscores, the first and the last a letter or digit; it becomes a file name',
  })),
  labelPrefix: Type.Optional(Type.String({
    pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,90}$',
    description: '1 to 91 letters, digits, dots, hyphens and underscores, the first a letter or digit; a hyphen and the transaction\'s id follow',
  })),
  password,
  algorithm: Type.Optional(Type.Enum(['RSA', 'EC', 'ED'], { default: 'RSA' })),
  keySize: Type.Optional(Type.Enum([2048, 3072, 4096, 8192], { default: 4096, description: 'RSA only, in bits' })),
  curveOid: Type.Optional(Type.String({
    pattern: '^[0-2](\\.(0|[1-9][0-9]{0,9})){2,12}$',
    description: 'a dotted object identifier; required for EC and ED, and only there',
  })),
  attributes: Type.Optional(KeyAttributes),
  policy: Type.Optional(Type.Null({ description: 'reserved for approval policies; only null for now' })),
}, { additionalProperties: false, description: 'the TSB\'s create-key body; exactly one of label and labelPrefix' })

// The TSB pastes subject values unescaped into a distinguished name (contract, section 5.4), so "Acme, O=Evil" would inject an attribute.
// Control, format (bidirectional), unassigned, private and invisible characters can show a person another name than the one that is certified.
const SUBJECT_VALUE = '^(?![\\p{Z}\\p{M}])(?!.*\\p{Z}$)[^,+="\\\\<>;#\\p{C}\\p{Zl}\\p{Zp}\\p{DI}\\u2800\\uFFFD]{1,200}$'
const subject = (name: string) => Type.Optional(Type.String({
  pattern: SUBJECT_VALUE,
  description: `${name}: 1 to 200 characters, none of , + = " \\ < > ; # and no control characters, no blank at either end`,
}))

const Subject = Type.Object({
  commonName: Type.String({ pattern: SUBJECT_VALUE, description: 'commonName: 1 to 200 characters, none of , + = " \\ < > ; # and no control characters, no blank at either end' }),
  country: Type.Optional(Type.String({ pattern: '^[A-Z]{2}$', description: 'two capital letters (ISO 3166-1)' })),
  stateOrProvinceName: subject('stateOrProvinceName'),
  locality: subject('locality'),
  organizationName: subject('organizationName'),
  organizationIdentifier: subject('organizationIdentifier'),
  organizationUnitName: subject('organizationUnitName'),
  email: Type.Optional(Type.String({
    pattern: '^(?!.*[,+="\\\\<>;#])[!-~]{1,64}@[!-~]{1,189}$', description: 'an e-mail address in ASCII, none of , + = " \\ < > ; #',
  })),
  title: subject('title'),
  surname: subject('surname'),
  givenName: subject('givenName'),
  initials: subject('initials'),
  generationQualifier: subject('generationQualifier'),
}, { additionalProperties: false, description: 'the subject, in the TSB\'s names; pseudonym is refused because the TSB drops it silently' })

export const SIGNATURE_ALGORITHMS = [
  'SHA224_WITH_RSA', 'SHA256_WITH_RSA', 'SHA384_WITH_RSA', 'SHA512_WITH_RSA', 'SHA256_WITH_ECDSA', 'SHA384_WITH_ECDSA', 'SHA512_WITH_ECDSA', 'EDDSA',
] as const

const Csr = Type.Object({
  signKeyName: Type.Optional(Type.String({ description: 'accepted only where it equals key.label' })),
  keyPassword: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String()), Type.Null()], {
    description: 'accepted only where it equals key.password; null is no password',
  })),
  signatureAlgorithm: Type.Optional(Type.Enum([...SIGNATURE_ALGORITHMS], { description: 'default: what suits the key' })),
  validity: Type.Optional(Type.Integer({ minimum: 1, maximum: 36_500, default: 365, description: 'days; the TSB asks for it, a CSR does not carry it' })),
  standardCertificateAttributes: Subject,
  // `type` beside `enum`: without it Ajv looks for two equal items by comparing each with each, which takes seconds for 64 KiB of objects.
  keyUsage: Type.Optional(Type.Array(Type.Enum([
    'DIGITAL_SIGNATURE', 'CONTENT_COMMITMENT', 'KEY_ENCIPHERMENT', 'DATA_ENCIPHERMENT', 'KEY_AGREEMENT', 'KEY_CERT_SIGN', 'CRL_SIGN', 'ENCIPHER_ONLY',
    'DECIPHER_ONLY',
  ], { type: 'string' }), { uniqueItems: true, maxItems: 9, default: ['DIGITAL_SIGNATURE'] })),
  extendedKeyUsage: Type.Optional(Type.Array(Type.Enum([
    'ANY_EXTENDED_KEY_USAGE', 'SERVER_AUTH', 'CLIENT_AUTH', 'CODE_SIGNING', 'EMAIL_PROTECTION', 'TIME_STAMPING', 'OCSP_SIGNING',
  ], { type: 'string' }), { uniqueItems: true, maxItems: 7, default: [], description: 'the TSB marks it critical, which several CAs refuse' })),
}, { additionalProperties: false, description: 'the TSB\'s CSR body' })

/** The request body of `POST /v1/attestation-bundles`: the TSB's own two bodies, side by side. */
export const OrderBody = Type.Object({
  key: Key,
  csr: Csr,
  profile: Type.Optional(Type.Enum(PROFILE_NAMES, { description: 'which rules the request and the evidence are held against; default: DEFAULT_PROFILE' })),
}, { $id: 'AttestationBundleOrder', additionalProperties: false })
export type OrderBody = Static<typeof OrderBody>
