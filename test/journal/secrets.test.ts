import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { openSecret, sealSecret } from '../../src/journal/secrets.ts'

const [OLD, NEW] = [randomBytes(32), randomBytes(32)]
const PASSWORD = ['geheim ', 'p\u{e4}ssw\u{f6}rd', '']
const sealed = sealSecret([OLD], 'row', PASSWORD) ?? assert.fail()
const otherKeyId = sealSecret([NEW], 'row', [])?.split('.')[1]

describe('a sealed password', () => {
  test('opens to the same parts', () => {
    assert.deepEqual(openSecret([OLD], 'row', sealed), PASSWORD)
  })
  test('is sealed anew each time, and shows nothing', () => {
    assert.notEqual(sealSecret([OLD], 'row', PASSWORD), sealed)
    assert.match(sealed, /^v1\.[0-9a-f]{8}\.[A-Za-z0-9+/]+=*$/)
    assert.ok(!sealed.includes(OLD.toString('hex').slice(0, 8)) && !Buffer.from(sealed.split('.')[2] ?? '', 'base64').includes('geheim'))
  })
  test('is not kept where there is no key', () => {
    assert.equal(sealSecret([], 'row', PASSWORD), undefined)
  })
  test('opens after a rotation, and new ones are sealed with the first key', () => {
    assert.deepEqual(openSecret([NEW, OLD], 'row', sealed), PASSWORD)
    const renewed = sealSecret([NEW, OLD], 'row', PASSWORD) ?? assert.fail()
    assert.deepEqual([openSecret([NEW], 'row', renewed), openSecret([OLD], 'row', renewed)], [PASSWORD, 'no-key'])
  })
  for (const [name, row, keys, text] of [
    ['in another row', 'other', [OLD], sealed],
    ['without its key', 'row', [NEW], sealed],
    ['without any key', 'row', [], sealed],
    ['of another version', 'row', [OLD], sealed.replace('v1', 'v2')],
    ['with a part more', 'row', [OLD], `${sealed}.x`],
    ['that is no secret at all', 'row', [OLD], ''],
    ['cut short', 'row', [OLD], sealed.slice(0, 40)],
    ['that names another key', 'row', [OLD, NEW], sealed.replace(/\.[0-9a-f]{8}\./, `.${otherKeyId}.`)],
  ] as const) {
    test(`does not open ${name}`, () => assert.equal(openSecret(keys, row, text), 'no-key'))
  }
  test('does not open with any of its bytes changed', () => {
    const [version, key, text = ''] = sealed.split('.')
    const bytes = Buffer.from(text, 'base64')
    for (const at of bytes.keys()) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 1
      assert.equal(openSecret([OLD], 'row', [version, key, changed.toString('base64')].join('.')), 'no-key', `byte ${at}`)
    }
  })
})
