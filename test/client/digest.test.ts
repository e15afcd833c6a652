import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { checkedDigest } from '../../src/client/digest.ts'

const bytes = new TextEncoder().encode('the bytes of a bundle')
const digest = (algorithm: string, encoding: 'base64' | 'hex' = 'base64', of: Uint8Array = bytes): string => createHash(algorithm).update(of).digest(encoding)
const sha256 = `sha-256=:${digest('sha256')}:`
const sha512 = `sha-512=:${digest('sha512')}:`
const wrong = `sha-256=:${digest('sha256', 'base64', new Uint8Array(1))}:`

const vouching = [sha256, sha512, `${sha256}, ${sha512}`, `md5=:AAAA:, ${sha256}`, ` ${sha256};x=1`, `unixsum=30637,${sha256}`]
for (const header of vouching) {
  test(`is vouched for by ${header}`, async () => assert.equal(await checkedDigest(bytes, header), digest('sha256', 'hex')))
}

const others = [
  null, '', wrong, `${wrong}, ${sha512}`, `${sha512}, ${wrong}`, 'sha-256', 'sha-256=::', `sha-256=${digest('sha256')}`, `sha-256=:${digest('sha256', 'hex')}:`, `md5=:${digest('md5')}:`,
  `SHA-256=:${digest('sha256')}:`, `sha-256=:${digest('sha256')}`,
]
for (const header of others) {
  test(`is not vouched for by ${header ?? 'no header'}`, async () => assert.equal(await checkedDigest(bytes, header), undefined))
}
