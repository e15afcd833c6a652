import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { readOrder } from '../../src/routes/read-order.ts'
import type { ProblemCode } from '../../src/errors.ts'
import type { OrderBody } from '../../src/routes/schemas/order.ts'
import { ROWS } from '../profiles/rows.ts'
import { pointersOf, problemIn } from '../support/problem.ts'
import { order, startService, type Service } from '../support/service.ts'

let service: Service
before(async () => { service = await startService() })
after(() => service.stop())
beforeEach(() => { service.simulator.requests.length = 0 })

const ED25519 = '1.3.101.112'
const P256 = '1.2.840.10045.3.1.7'

/** One change of the good case: what stands at a pointer; `undefined` takes it away. */
type Change = Readonly<Record<string, unknown>>

const good = (): Record<string, unknown> => order('order-good')

function changed(change: Change): Record<string, unknown> {
  const body = structuredClone(good())
  for (const [pointer, value] of Object.entries(change)) {
    const path = pointer.slice(1).split('/')
    const last = path.pop()!
    let at = body
    for (const name of path) at = (at[name] ??= {}) as Record<string, unknown>
    at[last] = value
  }
  return body
}

const nameOf = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 50 ? `${text.slice(0, 30)}… (${text.length})` : text.replace(/[^ -~]/gu, (c) => `U+${c.codePointAt(0)!.toString(16).padStart(4, '0')}`)
}

/** Asserts: refused with this code at these pointers, no value repeated, nothing sent to the TSB. */
async function refused(change: Change, pointers: readonly string[], code: ProblemCode = 'invalid-request'): Promise<void> {
  const problem = await problemIn(await service.post(changed(change)), code)
  assert.deepEqual(pointersOf(problem), pointers)
  const text = JSON.stringify(problem)
  for (const value of Object.values(change).filter((each): each is string => typeof each === 'string' && each.length > 3)) {
    assert.ok(!text.includes(value) && !text.includes(JSON.stringify(value).slice(1, -1)), `repeats ${value}`)
  }
  assert.deepEqual(service.simulator.requests, [])
}

async function accepted(change: Change): Promise<void> {
  const answer = await service.post(changed(change))
  assert.equal(answer.status, 201, answer.status === 201 ? '' : await answer.text())
}

/** One test per bad value at one pointer. */
function refuses(pointer: string, values: readonly unknown[], beside: Change = {}): void {
  for (const value of values) test(`refuses ${nameOf(value)}`, () => refused({ ...beside, [pointer]: value }, [pointer]))
}

test('the good case that every other case changes is accepted', () => accepted({}))

describe('key.label', () => {
  refuses('/key/label', [
    '', 'a', '-ab', 'ab-', '.ab', 'ab.', '_ab', 'a b', 'a/b/c', 'a\\bc', 'a:bc', 'lab\u00e9l', 'label\n', 'label\u0000', 'x'.repeat(129),
      42, null, ['ab'],
    'seal..2026', 'con', 'CON', 'prn', 'aux.key', 'nul.txt', 'COM1', 'com9.x', 'Lpt1', 'my-public_key-1', 'PUBLIC_KEY1',
  ])
  const labels = ['ab', 'x'.repeat(128), 'Seal_2026.01-a', 'console', 'com10', '0com1', 'public-key']
  for (const label of labels) test(`accepts ${nameOf(label)}`, () => accepted({ '/key/label': label }))
})

describe('key.labelPrefix', () => {
  refuses('/key/labelPrefix', ['', '-a', '.a', 'a b', 'a/bcd', 'x'.repeat(92), 'seal..', 'con.seal', 'nul.', 'a-public_key', 7],
    { '/key/label': undefined })
  test('the longest prefix gives a label of 128 characters that ends with the id', async () => {
    const answer = await service.post(changed({ '/key/label': undefined, '/key/labelPrefix': 'p'.repeat(91) }), { accept: 'application/json' })
    const { label, id } = await answer.json() as { label: string; id: string }
    assert.equal(label, `${'p'.repeat(91)}-${id}`)
    assert.equal(label.length, 128)
  })
  test('the look for a taken label is left out', async () => {
    await accepted({ '/key/label': undefined, '/key/labelPrefix': 'con' })
    assert.equal(service.simulator.requests.some(({ call }) => call === 'key-attributes'), false)
  })
  test('both label and prefix are refused', () => refused({ '/key/labelPrefix': 'other' }, ['/key']))
  test('neither label nor prefix is refused', () => refused({ '/key/label': undefined }, ['/key']))
})

describe('key.password', () => {
  refuses('/key/password', [
    '', [], 'p\u00e4ssword', ['\u00e9'], ['ab'], [''], ['a', 1], ['a', null], 'x'.repeat(129), Array(129).fill('x'), 7, true, {},
      'tab\there', 'del\u007fete', 'nul\u0000nul',
  ])
  const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i))
  const passwords = [null, 'secret', ['s', 'e'], ' ', 'x'.repeat(128), printable.join(''), printable]
  for (const [i, password] of passwords.entries()) test(`accepts ${nameOf(password)}`,
    () => accepted({ '/key/label': `password-${i}`, '/key/password': password }))
})

describe('csr.signKeyName and csr.keyPassword', () => {
  test('another signKeyName is refused', () => refused({ '/csr/signKeyName': 'other-key' }, ['/csr/signKeyName']))
  test('a signKeyName beside labelPrefix is refused', () =>
    refused({ '/key/label': undefined, '/key/labelPrefix': 'pre', '/csr/signKeyName': 'pre' }, ['/csr/signKeyName']))
  test('the same signKeyName is accepted', () => accepted({ '/key/label': 'sign-name', '/csr/signKeyName': 'sign-name' }))

  const mismatches: readonly [unknown, unknown][] = [
    ['planted-one', 'planted-two'], ['planted-one', null], ['planted-one', ''], ['planted-one', []], [undefined, 'planted-two'],
      [null, 'planted-two'], [undefined, ''],
    [undefined, []], ['abc', ['a', 'b']],
  ]
  for (const [password, keyPassword] of mismatches) {
    test(`${nameOf(keyPassword)} beside ${nameOf(password)} is refused`,
      () => refused({ '/key/password': password, '/csr/keyPassword': keyPassword }, ['/csr/keyPassword']))
  }
  const matches: readonly [unknown, unknown][] = [['abc', 'abc'], ['abc', ['a', 'b', 'c']], [['a', 'b'], 'ab'], [null, null],
    [undefined, null], ['abc', undefined]]
  for (const [i, [password, keyPassword]] of matches.entries()) {
    test(`${nameOf(keyPassword)} beside ${nameOf(password)} is accepted`, () =>
      accepted({ '/key/label': `key-password-${i}`, '/key/password': password, '/csr/keyPassword': keyPassword }))
  }
  refuses('/csr/keyPassword', [7, {}, [1]])
})

describe('algorithm, size, curve and signature', () => {
  refuses('/key/algorithm', ['DSA', 'AES', 'ecdsa', null, 1])
  const bad: readonly [string, Change, string][] = [
    ['RSA of 1024 bits', { '/key/algorithm': 'RSA', '/key/curveOid': undefined, '/key/keySize': 1024 }, '/key/keySize'],
    ['a size in quotes', { '/key/algorithm': 'RSA', '/key/curveOid': undefined, '/key/keySize': '1024' }, '/key/keySize'],
    ['RSA with a curve', { '/key/algorithm': 'RSA' }, '/key/curveOid'],
    ['no algorithm, so RSA, with a curve', { '/key/algorithm': undefined }, '/key/curveOid'],
    ['EC with a size', { '/key/keySize': 2048 }, '/key/keySize'],
    ['EC without a curve', { '/key/curveOid': undefined }, '/key/curveOid'],
    ['EC on Ed25519', { '/key/curveOid': ED25519 }, '/key/curveOid'],
    ['EC on a curve that cannot be verified', { '/key/curveOid': '1.3.132.0.33' }, '/key/curveOid'],
    ['a curve by name', { '/key/curveOid': 'P-256' }, '/key/curveOid'],
    ['a curve with a leading zero', { '/key/curveOid': '1.02.840.10045.3.1.7' }, '/key/curveOid'],
    ['ED without a curve', { '/key/algorithm': 'ED', '/key/curveOid': undefined }, '/key/curveOid'],
    ['ED on P-256', { '/key/algorithm': 'ED' }, '/key/curveOid'],
    ['ED with a size', { '/key/algorithm': 'ED', '/key/curveOid': ED25519, '/key/keySize': 2048 }, '/key/keySize'],
    ['EC with an RSA signature', { '/csr/signatureAlgorithm': 'SHA256_WITH_RSA' }, '/csr/signatureAlgorithm'],
    ['EC with EDDSA', { '/csr/signatureAlgorithm': 'EDDSA' }, '/csr/signatureAlgorithm'],
    ['RSA with ECDSA', { '/key/algorithm': 'RSA', '/key/curveOid': undefined, '/csr/signatureAlgorithm': 'SHA256_WITH_ECDSA' },
      '/csr/signatureAlgorithm'],
    ['ED with ECDSA', { '/key/algorithm': 'ED', '/key/curveOid': ED25519, '/csr/signatureAlgorithm': 'SHA512_WITH_ECDSA' },
      '/csr/signatureAlgorithm'],
    ['RSA-PSS', { '/csr/signatureAlgorithm': 'SHA256_WITH_RSA_PSS' }, '/csr/signatureAlgorithm'],
  ]
  for (const [name, change, pointer] of bad) test(`refuses ${name}`, () => refused(change, [pointer]))
  for (const curve of ['1.3.132.0.34', '1.3.132.0.35', '1.3.132.0.10', '1.3.36.3.3.2.8.1.1.7', '1.3.36.3.3.2.8.1.1.11', '1.3.36.3.3.2.8.1.1.13']) {
    test(`accepts EC on ${curve}`, () => accepted({ '/key/label': `curve-${curve}`, '/key/curveOid': curve }))
  }
  test('accepts Ed25519', () => accepted({ '/key/label': 'ed25519', '/key/algorithm': 'ED', '/key/curveOid': ED25519 }))
})

describe('key.attributes', () => {
  const unattestable: readonly [string, boolean][] = [['sign', false], ['extractable', true], ['sensitive', false], ['copyable', true]]
  for (const [name, value] of unattestable) {
    test(`${name}: ${value} could not be attested`,
      () => refused({ [`/key/attributes/${name}`]: value }, [`/key/attributes/${name}`], 'key-not-attestable'))
    test(`${name}: ${!value} may be said aloud`, () => accepted({ '/key/label': `said-${name}`, [`/key/attributes/${name}`]: !value }))
  }
  test('all four at once are named at once', () => refused(
    { '/key/attributes': { sign: false, extractable: true, sensitive: false, copyable: true } },
    ['/key/attributes/sign', '/key/attributes/extractable', '/key/attributes/sensitive', '/key/attributes/copyable'], 'key-not-attestable'))
  test('a key that cannot be destroyed is refused', () =>
    refused({ '/key/attributes/destroyable': false }, ['/key/attributes/destroyable'], 'rollback-impossible'))
  test('the other attributes may be true', () => accepted({ '/key/label': 'all-purposes',
    '/key/attributes': { modifiable: true, decrypt: true, unwrap: true, derive: true } }))
  for (const name of ['sign', 'destroyable', 'modifiable']) refuses(`/key/attributes/${name}`, ['true', 1, null])
  refuses('/key/attributes', [null, [], 'sign'])
})

describe('key.policy', () => {
  refuses('/key/policy', [{}, { ruleUse: null }, 'planted', false, []])
  test('null is accepted', () => accepted({ '/key/label': 'policy-null', '/key/policy': null }))
})

describe('unknown fields', () => {
  const fields = ['/extra', '/key/id', '/key/algorithmOid', '/key/attributes/ekaSign', '/csr/subjectAlternativeNames',
    '/csr/standardCertificateAttributes/pseudonym',
    '/csr/standardCertificateAttributes/serialNumber', '/csr/standardCertificateAttributes/CommonName']
  for (const pointer of fields) test(`${pointer} is refused`, () => refused({ [pointer]: 'planted-value' }, [pointer]))

  test('a name with slash and tilde is escaped in its pointer', async () => {
    const body = changed({})
    body['a/b~c'] = 1
    assert.deepEqual(pointersOf(await problemIn(await service.post(body), 'invalid-request')), ['/a~1b~0c'])
  })
  test('an endless name is cut', async () => {
    const problem = await problemIn(await service.post(changed({ [`/${'x'.repeat(5000)}`]: 1 })), 'invalid-request')
    assert.deepEqual(pointersOf(problem), [`/${'x'.repeat(100)}`])
  })
  test('a body full of faults gets twenty pointers at most', async () => {
    const extra = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`/extra${i}`, 1]))
    assert.equal(pointersOf(await problemIn(await service.post(changed(extra)), 'invalid-request')).length, 20)
  })
  for (const [where, make] of [
    ['the body', (json: string) => json.replace('{', '{"__proto__":{"polluted":true},')],
    ['key', (json: string) => json.replace('"key":{', '"key":{"__proto__":{"polluted":true},')],
    ['the subject', (json: string) => json.replace('"standardCertificateAttributes":{',
      '"standardCertificateAttributes":{"__proto__":{"polluted":true},')],
    ['an escaped name', (json: string) => json.replace('{', '{"\\u005f_proto__":{"polluted":true},')],
    ['constructor.prototype', (json: string) => json.replace('{', '{"constructor":{"prototype":{"polluted":true}},')],
  ] as const) {
    test(`__proto__ in ${where} is refused and pollutes nothing`, async () => {
      const problem = await problemIn(await service.post(make(JSON.stringify(good()))), 'invalid-request')
      assert.equal(JSON.stringify(problem).includes('polluted'), false)
      assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
      assert.deepEqual(service.simulator.requests, [])
    })
  }
})

describe('the subject', () => {
  const SUBJECT = '/csr/standardCertificateAttributes'
  const texts = ['commonName', 'stateOrProvinceName', 'locality', 'organizationName', 'organizationIdentifier', 'organizationUnitName',
    'title', 'surname', 'givenName',
    'initials', 'generationQualifier']
  const characters = [',', '+', '=', '"', '\\', '<', '>', ';', '#', '\u0000', '\u0001', '\t', '\n', '\r', '\u001b', '\u007f', '\u0085',
    '\u00ad', '\u200b', '\u200e', '\u200f',
    '\u202a', '\u202e', '\u2066', '\u2069', '\u061c', '\u2028', '\u2029', '\ufeff', '\ud800', '\ue000', '\uffff', '\u{e0041}']
  refuses(`${SUBJECT}/organizationName`, characters.map((character) => `Acme${character}Inc`))
  refuses(`${SUBJECT}/organizationName`, ['', ' ', ' Acme', 'Acme ', '\u00a0Acme', 'Acme\u3000', 'x'.repeat(201), 'Acme, Inc.',
    'Acme, O=Evil', '#Acme', 7, null, ['Acme'], {}])
  for (const field of texts) {
    test(`${field} with a comma is refused`, () => refused({ [`${SUBJECT}/${field}`]: 'Acme, O=Evil' }, [`${SUBJECT}/${field}`]))
  }
  refuses(`${SUBJECT}/email`, ['', 'nobody', '@example.com', 'a@', 'a b@example.com', 'a,b@example.com', 'a"b@example.com',
    'a@example.com ', 's\u00e9al@example.com'])
  refuses(`${SUBJECT}/country`, ['', 'ch', 'Ch', 'CHE', 'C1', 'C', 'CH ', 'CH\n', '\u00c4\u00d6', null])
  test('commonName is required', () => refused({ [`${SUBJECT}/commonName`]: undefined }, [`${SUBJECT}/commonName`]))
  test('the subject is required', () => refused({ [SUBJECT]: undefined }, [SUBJECT]))

  const names = ['Z\u00fcrcher Kantonalbank', '\u682a\u5f0f\u4f1a\u793e', 'O\'Neill & S\u00f6hne (Zug) / AG: no. 1', 'x'.repeat(200), 'x']
  for (const [i, name] of names.entries()) test(`accepts ${nameOf(name)}`,
    () => accepted({ '/key/label': `subject-${i}`, [`${SUBJECT}/organizationName`]: name }))
  test('accepts every field at once', () => accepted({
    '/key/label': 'subject-all', ...Object.fromEntries(texts.map((field) => [`${SUBJECT}/${field}`, `Value of ${field}`])),
      [`${SUBJECT}/email`]: 'seal@example.com',
  }))
})

describe('the rest of csr, and profile', () => {
  test('an unknown key usage is refused', () => refused({ '/csr/keyUsage': ['DIGITAL_SIGNATURE', 'PLANTED_USAGE'] }, ['/csr/keyUsage/1']))
  test('a key usage twice is refused', () => refused({ '/csr/keyUsage': ['CRL_SIGN', 'CRL_SIGN'] }, ['/csr/keyUsage']))
  test('an unknown extended key usage is refused', () => refused({ '/csr/extendedKeyUsage': ['1.3.6.1.5.5.7.3.36'] }, ['/csr/extendedKeyUsage/0']))
  test('an extended key usage twice is refused', () => refused({ '/csr/extendedKeyUsage': ['CLIENT_AUTH', 'CLIENT_AUTH'] },
    ['/csr/extendedKeyUsage']))
  refuses('/csr/keyUsage', ['DIGITAL_SIGNATURE', null, {}])
  refuses('/csr/extendedKeyUsage', ['CLIENT_AUTH', null])
  refuses('/csr/validity', [0, -1, 36_501, 1.5, '365', null])
  refuses('/csr/signKeyName', [7, null])
  refuses('/profile', ['unheard-of', '', null, 1])
  refuses('/key', [undefined, null, 'order-good', []])
  refuses('/csr', [undefined, null, 'csr-text', []])
  for (const [name, { good: row }] of Object.entries(ROWS)) {
    test(`accepts the profile ${name}`, () => accepted({ ...row, '/key/label': `profile-${name}`, '/profile': name }))
  }
  test('several faults are told at once', () => refused(
    { '/key/label': 'a b c', '/csr/validity': 0, '/csr/standardCertificateAttributes/country': 'xx' },
    ['/key/label', '/csr/validity', '/csr/standardCertificateAttributes/country']))
  for (const body of ['[]', '"text"', '1', 'null', 'true']) {
    test(`the body ${body} is refused as a whole`, async () => {
      assert.deepEqual(pointersOf(await problemIn(await service.post(body), 'invalid-request')), [''])
    })
  }
})

describe('what an order is read as', () => {
  const minimal: OrderBody = { key: { label: 'seal-01' }, csr: { standardCertificateAttributes: { commonName: 'Acme' } } }
  const attributes = {
    sign: true, extractable: false, modifiable: false, destroyable: true, sensitive: true, copyable: false, decrypt: false, unwrap: false,
      derive: false,
  }

  test('what is left out has the documented defaults', () => {
    assert.deepEqual(readOrder(minimal, 'tsb-default'), {
      label: { kind: 'exact', value: 'seal-01' },
      key: { algorithm: 'RSA', keySize: 4096, attributes },
      csr: { signatureAlgorithm: 'SHA256_WITH_RSA', validity: 365, standardCertificateAttributes: { commonName: 'Acme' },
        keyUsage: ['DIGITAL_SIGNATURE'] },
      profile: 'tsb-default',
    })
  })
  test('empty usages are left out, not sent as empty lists', () => {
    const { csr } = readOrder({ ...minimal, csr: { ...minimal.csr, keyUsage: [], extendedKeyUsage: [] } }, 'tsb-default')
    assert.deepEqual(Object.keys(csr), ['signatureAlgorithm', 'validity', 'standardCertificateAttributes'])
  })
  const suitable: readonly [OrderBody['key'], string][] = [
    [{ algorithm: 'EC', curveOid: P256 }, 'SHA256_WITH_ECDSA'],
    [{ algorithm: 'EC', curveOid: '1.3.132.0.34' }, 'SHA384_WITH_ECDSA'],
    [{ algorithm: 'EC', curveOid: '1.3.132.0.35' }, 'SHA512_WITH_ECDSA'],
    [{ algorithm: 'ED', curveOid: ED25519 }, 'EDDSA'],
    [{ algorithm: 'RSA', keySize: 8192 }, 'SHA256_WITH_RSA'],
  ]
  for (const [key, signatureAlgorithm] of suitable) {
    test(`a key ${JSON.stringify(key)} signs its CSR with ${signatureAlgorithm}`, () => {
      const read = readOrder({ ...minimal, key: { label: 'seal-01', ...key } }, 'tsb-default')
      assert.equal(read.csr.signatureAlgorithm, signatureAlgorithm)
      assert.deepEqual(read.key, { ...key, attributes })
    })
  }
  test('a password in either form is an array of single characters', () => {
    for (const password of ['abc', ['a', 'b', 'c']]) {
      assert.deepEqual(readOrder({ ...minimal, key: { label: 'seal-01', password } }, 'tsb-default').password, ['a', 'b', 'c'])
    }
    assert.equal('password' in readOrder({ ...minimal, key: { label: 'seal-01', password: null } }, 'tsb-default'), false)
  })
  test('every RSA size of the contract is taken as it is', () => {
    for (const keySize of [2048, 3072, 4096, 8192] as const) {
      assert.equal(readOrder({ ...minimal, key: { label: 'seal-01', keySize } }, 'tsb-default').key.keySize, keySize)
    }
  })
})
