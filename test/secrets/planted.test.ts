import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { reveals } from '../../src/tsb/reveals.ts'
import { formsOf, openGrep, plant, plantPassword } from './planted.ts'

const secrets = { token: plant(), password: plantPassword() }
const AROUND = ['', 'a', 'ab', 'abc'] as const

describe('the grep', () => {
  test('finds a secret in every form, wherever it begins', () => {
    for (const [name, secret] of Object.entries(secrets)) {
      for (const form of formsOf(secret)) {
        const grep = openGrep(secrets)
        grep.add('clean', 'nothing of it')
        grep.add('leaky', Buffer.from(`{"msg":"x${form}y"}`, 'latin1'))
        assert.deepEqual(grep.finds().map((found) => found.split(' (')[0]), [`${name} in leaky`], form)
      }
      for (const before of AROUND) {
        for (const encoding of ['base64', 'base64url', 'hex'] as const) {
          const grep = openGrep(secrets)
          grep.add('leaky', Buffer.from(`${before}${secret}${before}`).toString(encoding))
          assert.equal(grep.finds().length, 1, `${encoding} behind ${before.length} bytes`)
        }
      }
    }
  })
  test('finds nothing where nothing is', () => {
    const grep = openGrep(secrets)
    grep.add('log', JSON.stringify({ token: plant(), password: plantPassword() }))
    assert.deepEqual(grep.finds(), [])
  })
})

describe('what the service takes for a repeated secret', () => {
  for (const [name, secret] of Object.entries(secrets)) {
    test(`${name}: every form that the grep knows, but for UTF-16`, () => {
      const utf16 = Buffer.from(secret, 'utf16le').toString('latin1')
      for (const form of formsOf(secret).filter((each) => each !== utf16)) assert.equal(reveals(`bad credential: ${form}.`, ['other', secret]), true, form)
      for (const before of AROUND) assert.equal(reveals(Buffer.from(before + secret).toString('base64url'), [secret]), true)
    })
    test(`${name}: nothing else`, () => {
      assert.equal(reveals(`HSM error ${plant()} ${Buffer.from(plant()).toString('base64')} 100% &#99999; \\u00 &x;`, [secret]), false)
    })
  }
  test('a short password hides no message by the chance of its encodings', () => {
    assert.equal(reveals('HSM error: device 2a', ['*']), false)
    assert.equal(reveals('wrong password *', ['*']), true)
  })
})
