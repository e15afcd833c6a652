import assert from 'node:assert/strict'
import { scryptSync } from 'node:crypto'
import { describe, test } from 'node:test'
import { fingerprintOf, matchesFingerprint } from '../../src/transaction/fingerprint.ts'

const withPassword = (password: unknown): Parameters<typeof fingerprintOf>[0] => ({ key: { label: 'seal', password }, csr: { keyPassword: password } })

describe("a request's fingerprint", () => {
  test('tells of its password only through a salt of its own: neither do two rows show that theirs is the same', async () => {
    const [one, other] = [await fingerprintOf(withPassword('pw')), await fingerprintOf(withPassword('pw'))]
    assert.notEqual(one.password?.salt, other.password?.salt)
    assert.notEqual(one.password?.hash, other.password?.hash)
    for (const { password } of [one, other]) {
      const salt = Buffer.from(password!.salt, 'base64')
      assert.deepEqual([salt.length, password?.hash], [16, scryptSync('pw', salt, 32).toString('base64')])
    }
    // What is no secret is the same whatever the password is.
    assert.equal(one.body, (await fingerprintOf(withPassword('another'))).body)
  })
  test('is that of the same password however it is written, and of no other', async () => {
    const fingerprint = await fingerprintOf(withPassword('pw'))
    const matches = await Promise.all(['pw', ['p', 'w'], 'pW', '', undefined].map((each) => matchesFingerprint(fingerprint, withPassword(each))))
    assert.deepEqual(matches, [true, true, false, false, false])
  })
})
