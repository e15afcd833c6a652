import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { integerOf, oidOf, readDer } from '../../src/evidence/der.ts'
import { readBase64, readPem } from '../../src/evidence/pem.ts'
import { DEFAULT_CURVES, flawOf, readPublicKey } from '../../src/evidence/public-key.ts'
import { readSignatureAlgorithm } from '../../src/evidence/signature-algorithm.ts'
import { bitString, explicit, integer, nothing, oid, sequence } from '../../src/simulator/der.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

for (const [what, bytes] of [
  ['nothing', ''], ['a tag alone', '30'], ['a length beyond the end', '30 05 02 01 00'], ['bytes behind it', '05 00 00'],
  ['an indefinite length', '30 80 00 00'], ['a long form for a short length', '04 81 01 00'], ['a length with a leading zero', '04 82 00 80'],
  ['an integer without contents', '02 00'], ['an integer with a leading zero', '02 02 00 01'], ['an integer with leading ones', '02 02 ff 80'],
  ['TRUE as 01', '01 01 01'], ['a NULL with contents', '05 01 00'], ['an identifier that is cut off', '06 01 80'],
  ['an identifier with a padded arc', '06 03 2a 80 01'], ['a set out of order', '31 06 02 01 02 02 01 01'], ['a bit string with spare bits set', '03 02 01 01'],
  ['a bit string without its first octet', '03 00'], ['a constructed octet string', '24 03 04 01 00'], ['a primitive sequence', '10 00'],
  ['a high tag number', '1f 1f 00'], ['end of contents', '00 00'], ['a child beyond its parent', '30 03 04 05 00'],
] as const) {
  test(`DER: refuses ${what}`, () => assert.equal(readDer(hex(bytes)), undefined))
}

test('DER: refuses nesting that would exhaust the stack', () => {
  let bytes: Buffer = Buffer.from([5, 0])
  for (let i = 0; i < 30; i += 1) bytes = sequence(bytes)
  assert.equal(readDer(bytes), undefined)
})

test('DER: reads identifiers and integers', () => {
  for (const text of ['1.2.840.113549.1.1.1', '2.5.4.97', '2.999.1', '0.9.2342', '1.3.6.1.4.1.44668.4.1.3']) assert.equal(oidOf(readDer(oid(text))), text)
  assert.equal(integerOf(readDer(hex('02 02 00 80'))), 128n)
  assert.equal(integerOf(readDer(hex('02 01 80'))), undefined)
})

test('base64 has one spelling', () => {
  assert.deepEqual(readBase64('AQI='), Buffer.from([1, 2]))
  for (const text of ['AQI', 'AQJ=', 'AQI=\n', 'AQ I=', 'AQI==', 'AQI=AQI=', 'A-_=', '=']) assert.equal(readBase64(text), undefined, text)
})

test('PEM: refuses more blocks than expected before it decodes them', () => {
  const block = '-----BEGIN X-----\nAQI=\n-----END X-----\n'
  assert.equal(readPem(block, 1)?.length, 1)
  assert.equal(readPem(block.repeat(2), 1), undefined)
  assert.equal(readPem(`${block}x`, 2), undefined)
})

const spki = (curve: string): Buffer => generateKeyPairSync('ec', { namedCurve: curve }).publicKey.export({ type: 'spki', format: 'der' })
const flaw = (der: Buffer, curves = DEFAULT_CURVES): string | undefined => flawOf(readPublicKey(der)!, der, curves)
const bytesOf = (value: bigint): Buffer => {
  const text = value.toString(16)
  return Buffer.from(text.length % 2 === 1 ? `0${text}` : text, 'hex')
}
const rsaKey = (n: bigint, e: bigint): Buffer =>
  sequence(sequence(oid('1.2.840.113549.1.1.1'), nothing()), bitString(sequence(integer(bytesOf(n)), integer(bytesOf(e)))))
const jwk = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' })
const modulus = BigInt(`0x${Buffer.from(jwk.n!, 'base64url').toString('hex')}`)
const point = spki('prime256v1')
const p256 = sequence(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7'))
const offCurve = Buffer.from(point)
offCurve[offCurve.length - 1]! ^= 1

test('keys: a sound one has no flaw', () => {
  assert.equal(flaw(rsaKey(modulus, 65537n)), undefined)
  assert.equal(flaw(spki('prime256v1')), undefined)
})

for (const [what, der, expected] of [
  ['an even modulus', rsaKey(modulus - 1n, 65537n), /even/],
  ['a small factor', rsaKey((modulus / 751n | 1n) * 751n, 65537n), /factor below 752/],
  ['an even exponent', rsaKey(modulus, 65538n), /exponent is even/],
  ['exponent 3', rsaKey(modulus, 3n), /between/],
  ['exponent 2^256 + 1', rsaKey(modulus, 2n ** 256n + 1n), /between/],
  ['RSA-2047', rsaKey(modulus >> 1n | 1n, 65537n), /2047 bits/],
  ['a point off its curve', offCurve, /not on its curve/],
  ['a point in compressed form', sequence(p256, bitString(Buffer.concat([Buffer.of(2), point.subarray(-64, -32)]))), /uncompressed/],
  ['P-224', spki('secp224r1'), /not among/],
] as const) {
  test(`keys: finds ${what}`, () => assert.match(flaw(der) ?? 'no flaw', expected))
}

test('keys: does not read explicit curve parameters, PSS keys, or RSA without NULL', () => {
  const explicitEc = generateKeyPairSync('ec', { namedCurve: 'prime256v1', paramEncoding: 'explicit' }).publicKey
  assert.equal(readPublicKey(explicitEc.export({ type: 'spki', format: 'der' })), undefined)
  assert.equal(readPublicKey(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'der' })), undefined)
  assert.equal(readPublicKey(sequence(sequence(oid('1.2.840.113549.1.1.1')), bitString(sequence(integer(1), integer(1))))), undefined)
  assert.ok(createPublicKey({ key: rsaKey(modulus, 65537n), format: 'der', type: 'spki' }))
})

const sha256 = sequence(oid('2.16.840.1.101.3.4.2.1'), nothing())
const sha384 = sequence(oid('2.16.840.1.101.3.4.2.2'), nothing())
const pss = (hash: Buffer, mask: Buffer, salt: number, ...more: Buffer[]): Buffer =>
  sequence(oid('1.2.840.113549.1.1.10'), sequence(explicit(0, hash), explicit(1, sequence(oid('1.2.840.113549.1.1.8'), mask)), explicit(2, integer(salt)), ...more))

test('signature algorithms: PSS only with one hash for all and a salt of its length', () => {
  assert.equal(readSignatureAlgorithm(pss(sha256, sha256, 32))?.name, 'RSA PSS with SHA-256')
  assert.equal(readSignatureAlgorithm(pss(sha384, sha384, 48))?.name, 'RSA PSS with SHA-384')
  for (const odd of [pss(sha256, sha384, 32), pss(sha256, sha256, 20), pss(sha256, sha256, 32, explicit(3, integer(2))), sequence(oid('1.2.840.113549.1.1.10'), sequence()), sequence(oid('1.2.840.113549.1.1.10'))]) {
    assert.equal(readSignatureAlgorithm(odd), undefined)
  }
})

test('signature algorithms: knows SHA-1 as weak, MD5 and wrong parameters not at all', () => {
  assert.equal(readSignatureAlgorithm(sequence(oid('1.2.840.113549.1.1.5'), nothing()))?.weak, true)
  for (const odd of [
    sequence(oid('1.2.840.113549.1.1.4'), nothing()), sequence(oid('1.2.840.113549.1.1.11')), sequence(oid('1.2.840.10045.4.3.2'), nothing()),
    sequence(oid('1.3.101.112'), nothing()), sequence(oid('1.2.840.113549.1.1.1'), nothing()), nothing(),
  ]) assert.equal(readSignatureAlgorithm(odd), undefined)
})
