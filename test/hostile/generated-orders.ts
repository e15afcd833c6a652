import fc from 'fast-check'
import { PROFILE_NAMES } from '../../src/profiles/profiles.ts'
import type { FaultKind } from '../../src/simulator/faults.ts'
import type { CallName } from '../../src/simulator/simulator.ts'
import { order } from '../support/service.ts'

type Json = Record<string, unknown>

/** Characters of all planes, lone surrogates too. fast-check's own units would build tables of 90 MB. */
const character = fc.oneof(fc.integer({ min: 0, max: 0x7f }), fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0x10000, max: 0x10ffff }))
  .map((code) => String.fromCodePoint(code))
export const byte = fc.integer({ min: 0, max: 0xff }).map((code) => String.fromCharCode(code))
const text = (maxLength: number): fc.Arbitrary<string> => fc.string({ unit: character, maxLength })

/** So few labels that requests meet each other's. */
const NUMBERS = 8

/** What the TSB does with labels that begin so: every failure that costs no waiting. */
export const FAULTS: Readonly<Record<string, readonly [CallName, FaultKind]>> = {
  'billing-csr-': ['certificate-request', { kind: 'hsm-error' }],
  'billing-garbage-': ['certificate-request', { kind: 'garbage' }],
  'billing-away-': ['certificate-request', { kind: 'unavailable' }],
  'billing-export-': ['key-attestation', { kind: 'html' }],
  'billing-create-': ['create-key', { kind: 'status', status: 400, body: { errorCode: 600, reason: 'res.error.input', message: 'no' } }],
  'billing-look-': ['key-attributes', { kind: 'unauthorized-bare' }],
}

const number = fc.nat(NUMBERS)
const label = fc.oneof(
  { weight: 6, arbitrary: number.map((n) => `billing-${n}`) },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom(...Object.keys(FAULTS)), number).map(([beginning, n]) => `${beginning}${n}`) },
  { weight: 1, arbitrary: number.map((n) => `shop-${n}`) },
)

const keyKind = fc.constantFrom<Json>({}, {}, { algorithm: 'ED', curveOid: '1.3.101.112' }, { curveOid: '1.3.132.0.34' })
const password = fc.constantFrom<Json>({}, {}, { password: 'a b' }, { password: [...'{"} \\'] })

/** What a caller would send: issued, or refused by the rules that span fields, by a profile, by the TSB, or because the label is taken. */
export const soundOrder = fc.tuple(label, keyKind, password, fc.nat(4), fc.option(fc.constantFrom(...PROFILE_NAMES), { freq: 4, nil: undefined }))
  .map(([name, kind, secret, form, profile]): Json => ({
    ...order(name, { ...kind, ...secret, ...(form === 0 && { label: undefined, labelPrefix: name }) }), ...(profile !== undefined && { profile }),
  }))

const odd = fc.constantFrom<unknown>(
  null, true, 0, -1, 1e308, '', ' ', [], {}, [[]], { a: { b: [null] } }, '__proto__', 'public_key', 'nul', 'a..b', 'Acme, O=Evil', 'Acme\uff0c', 'a\u202eb',
  'a\u0000b', '\ud800',
  '../../etc/passwd', 'a\r\nset-cookie: x=y', '1.2.840.10045.3.1.7', 'RSA', 'EC', 8192, ['DIGITAL_SIGNATURE', 'DIGITAL_SIGNATURE'], 'x'.repeat(5_000),
)
const json = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof({ maxDepth: 3 }, fc.oneof(odd, text(20), fc.double()), fc.array(tie('any'), { maxLength: 3 }), fc.dictionary(text(8), tie('any'), { maxKeys: 3 })),
})).any
const value = fc.oneof(odd, json)

const SUBJECT = ['commonName', 'country', 'locality', 'organizationName', 'organizationIdentifier', 'email', 'surname', 'pseudonym']
const PATHS: readonly (readonly string[])[] = [
  ['key'], ['csr'], ['profile'], ...['label', 'labelPrefix', 'password', 'algorithm', 'keySize', 'curveOid', 'attributes', 'policy'].map((name) => ['key', name]),
  ...['sign', 'extractable', 'sensitive', 'destroyable', 'modifiable', 'derive'].map((name) => ['key', 'attributes', name]),
  ...['signKeyName', 'keyPassword', 'signatureAlgorithm', 'validity', 'standardCertificateAttributes', 'keyUsage', 'extendedKeyUsage'].map((name) => ['csr', name]),
  ...SUBJECT.map((name) => ['csr', 'standardCertificateAttributes', name]),
]
// A key without its curve would be an RSA key of 4096 bits, which takes seconds to make.
const removable = PATHS.filter((path) => path.at(-1) !== 'curveOid')
const unknown = fc.tuple(fc.constantFrom<readonly string[]>([], ['key'], ['csr']), text(20)).map(([path, name]) => [...path, name])
const place = fc.oneof(fc.constantFrom(...PATHS), unknown)

type Change = (body: Json) => void
const change = fc.oneof(
  fc.tuple(place, value).map(([path, put]): Change => (body) => { set(body, path, put) }),
  fc.constantFrom(...removable).map((path): Change => (body) => { set(body, path, undefined) }),
)

function set(body: Json, path: readonly string[], put: unknown): void {
  let at: unknown = body
  for (const name of path.slice(0, -1)) {
    if (typeof at !== 'object' || at === null) return
    const members = at as Json
    at = members[name] ??= {}
  }
  const last = path.at(-1)
  if (typeof at !== 'object' || at === null || last === undefined) return
  // An assignment to `__proto__` would make no member; and a value that is put into itself would be no JSON.
  Object.defineProperty(at, last, { value: structuredClone(put), enumerable: true, configurable: true, writable: true })
}

/** An order in which one to four things are not as they should be. */
const spoiltOrder = fc.tuple(soundOrder, fc.array(change, { minLength: 1, maxLength: 4 })).map(([body, changes]): Json => {
  const copy = structuredClone(body)
  for (const apply of changes) apply(copy)
  return copy
})

/** Bytes as latin1. */
const utf8 = (whole: string): string => Buffer.from(whole).toString('latin1')
const written = (body: Json): string => utf8(JSON.stringify(body))

const cut = (of: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.tuple(of, fc.nat(600)).map(([whole, length]) => whole.slice(0, length))
const inserted = (into: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.tuple(into, fc.nat(600), fc.oneof(
  fc.string({ unit: byte, minLength: 1, maxLength: 8 }),
  fc.constantFrom(
    '"key":{},', '"__proto__":{},', '"constructor":{"prototype":{}},', '\u00ef\u00bb\u00bf', '\\u0000', '\\ud800', '{', '}', ',', '/*x*/', '\u00ff', '1e400',
  ),
)).map(([whole, at, piece]) => whole.slice(0, at) + piece + whole.slice(at))

/** Request bodies as latin1: good and bad orders, and what is no JSON, or deep, or large. */
export const bodies = fc.oneof(
  { weight: 30, arbitrary: spoiltOrder.map(written) },
  { weight: 5, arbitrary: cut(soundOrder.map(written)) },
  { weight: 10, arbitrary: inserted(soundOrder.map(written)) },
  { weight: 5, arbitrary: json.map((any) => utf8(JSON.stringify(any))) },
  { weight: 5, arbitrary: fc.string({ unit: byte, maxLength: 100 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 20_000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth)) },
  { weight: 1, arbitrary: fc.integer({ min: 65_000, max: 66_000 }).map((length) => `"${'x'.repeat(length)}"`) },
  { weight: 1, arbitrary: fc.constant('') },
)
export const soundBodies = soundOrder.map(written)
/** One of the bodies that always come with the same Idempotency-Key. */
export const onceBody = (n: number): string => written(order(`billing-once-${n}`))
