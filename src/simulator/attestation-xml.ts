import type { KeyObject } from 'node:crypto'

/** The flags of a key, as JSON answers call them; XML has the same in snake case and `unique` on top (contract 1.1, 4.5). */
export interface KeyFlags {
  readonly decrypt: boolean
  readonly sign: boolean
  readonly unwrap: boolean
  readonly derive: boolean
  readonly sensitive: boolean
  readonly alwaysSensitive: boolean
  readonly extractable: boolean
  readonly neverExtractable: boolean
  readonly modifiable: boolean
  readonly copyable: boolean
  readonly destroyable: boolean
  readonly unique: boolean
}

/** The flags of a key that was made for signing and for nothing else. */
export const signingKeyFlags: KeyFlags = {
  decrypt: false, sign: true, unwrap: false, derive: false, sensitive: true, alwaysSensitive: true,
  extractable: false, neverExtractable: true, modifiable: false, copyable: false, destroyable: true, unique: true,
}

export interface AttestedKey {
  readonly label: string
  readonly publicKey: KeyObject
  /** The signing key's flags by default. */
  readonly flags?: Partial<KeyFlags>
  /** How often the key has signed; left out of the XML when undefined. */
  readonly useCount?: number
}

export interface AttestationTimes {
  readonly created: Date
  readonly attested: Date
}

/** What an HSM would not say of this key, or says only of special ones. */
export interface AttestationOverrides {
  /** `generated` by default; null leaves the attribute out. */
  readonly creation?: string | null
  /** E.g. `external`; no attribute by default. */
  readonly storage?: string
  readonly uuid?: string
  readonly label?: string
  readonly algorithm?: string
  readonly algorithmOid?: string
  /** null leaves the element out. */
  readonly curveOid?: string | null
  readonly keySize?: number | null
  /** Base64 of the SubjectPublicKeyInfo. */
  readonly publicKey?: string
  readonly derivationValue?: { readonly type: string; readonly value: string }
  /** The content of `<policy>`: lines without the outer indentation. */
  readonly policy?: readonly string[]
  /** Values of `<attributes>` by XML name; null leaves the element out. */
  readonly attributes?: Readonly<Record<string, boolean | string | null>>
}

/** An SKA policy without any rule (contract 6.1). */
export const emptyPolicy: readonly string[] = ['<key_status>', '\t<blocked>false</blocked>', '</key_status>']

/** Curves of contract 2.3 by object identifier, with OpenSSL's name. */
export const curveNames: Readonly<Record<string, string>> = {
  '1.2.840.10045.3.1.7': 'prime256v1', '1.3.132.0.34': 'secp384r1', '1.3.132.0.35': 'secp521r1', '1.3.132.0.10': 'secp256k1',
  '1.3.132.0.32': 'secp224k1', '1.3.132.0.33': 'secp224r1',
  '1.2.840.10045.3.1.4': 'prime239v1', '1.2.840.10045.3.1.5': 'prime239v2', '1.2.840.10045.3.1.6': 'prime239v3',
  '1.3.36.3.3.2.8.1.1.5': 'brainpoolP224r1', '1.3.36.3.3.2.8.1.1.7': 'brainpoolP256r1', '1.3.36.3.3.2.8.1.1.9': 'brainpoolP320r1',
  '1.3.36.3.3.2.8.1.1.11': 'brainpoolP384r1', '1.3.36.3.3.2.8.1.1.13': 'brainpoolP512r1',
}

/** What the public key says of itself in the TSB's terms. */
export function describeKey(publicKey: KeyObject): { algorithm: 'RSA' | 'EC' | 'ED'; algorithmOid: string; curveOid?: string; keySize?: number } {
  const details = publicKey.asymmetricKeyDetails ?? {}
  if (publicKey.asymmetricKeyType === 'rsa') return { algorithm: 'RSA', algorithmOid: '1.2.840.113549.1.1.1', keySize: details.modulusLength ?? 0 }
  if (publicKey.asymmetricKeyType === 'ed25519') return { algorithm: 'ED', algorithmOid: '1.3.101.112' }
  const curveOid = Object.keys(curveNames).find((key) => curveNames[key] === details.namedCurve)
  return { algorithm: 'EC', algorithmOid: '1.2.840.10045.2.1', curveOid: curveOid ?? '' }
}

/** Base64 of the SubjectPublicKeyInfo, in one line. */
export const publicKeyBase64 = (publicKey: KeyObject): string => publicKey.export({ type: 'spki', format: 'der' }).toString('base64')

/** A time as the HSM writes it: UTC, whole seconds. */
export const hsmTime = (date: Date): string => `${date.toISOString().slice(0, 19)}Z`

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\'': '&apos;' }
const escape = (text: string): string => text.replace(/[&<>"']/g, (character) => escapes[character] ?? character)
const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** Writes one element with its text escaped, in one line. */
export const element = (name: string, value: string | number | boolean, attributes: Readonly<Record<string, string>> = {}): string =>
  `<${name}${Object.entries(attributes).map(([key, text]) => ` ${key}="${escape(text)}"`).join('')}>${escape(String(value))}</${name}>`

/** Puts a tab before each line. */
export const indent = (lines: readonly string[]): string[] => lines.map((line) => `\t${line}`)

/**
 * Writes the attestation of a key in the vendor's exact layout (contract 4.5, 4.6): declaration, tabs, LF, two LF at the end. RSA has
 * `key_size`, EC has `curve_oid`, Ed25519 neither.
 */
export function attestationXml(key: AttestedKey, times: AttestationTimes, overrides: AttestationOverrides = {}): string {
  const facts = describeKey(key.publicKey)
  const curveOid = overrides.curveOid === undefined ? facts.curveOid : overrides.curveOid
  const keySize = overrides.keySize === undefined ? facts.keySize : overrides.keySize
  const creation = overrides.creation === undefined ? 'generated' : overrides.creation
  const flags: Record<string, boolean | string | null> = {}
  for (const [name, value] of Object.entries({ ...signingKeyFlags, ...key.flags })) flags[snakeCase(name)] = value
  Object.assign(flags, overrides.attributes)
  const { derivationValue } = overrides
  const children = [
    ...(overrides.uuid === undefined ? [] : [element('uuid', overrides.uuid)]),
    element('label', overrides.label ?? key.label),
    element('create_time', hsmTime(times.created)),
    element('attest_time', hsmTime(times.attested)),
    ...(key.useCount === undefined ? [] : [element('key_use_count', key.useCount)]),
    element('algorithm', overrides.algorithm ?? facts.algorithm),
    element('algorithm_oid', overrides.algorithmOid ?? facts.algorithmOid),
    ...(curveOid === undefined || curveOid === null ? [] : [element('curve_oid', curveOid)]),
    ...(keySize === undefined || keySize === null ? [] : [element('key_size', keySize)]),
    element('public_key', overrides.publicKey ?? publicKeyBase64(key.publicKey)),
    ...(derivationValue === undefined ? [] : [element('derivation_value', derivationValue.value, { type: derivationValue.type })]),
    '<attributes>',
    ...indent(Object.entries(flags).flatMap(([name, value]) => value === null ? [] : [element(name, value)])),
    '</attributes>',
    ...(overrides.policy === undefined ? [] : ['<policy>', ...indent(overrides.policy), '</policy>']),
  ]
  const attributes = [
    ...(creation === null ? [] : [` creation="${escape(creation)}"`]),
    ...(overrides.storage === undefined ? [] : [` storage="${escape(overrides.storage)}"`]),
  ].join('')
  return ['<?xml version="1.0" encoding="UTF-8"?>', `<private_key${attributes}>`, ...indent(children), '</private_key>', '', ''].join('\n')
}
