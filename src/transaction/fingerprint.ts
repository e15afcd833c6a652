import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type { Fingerprint } from '../journal/journal.ts'

const derive = promisify<string, Buffer, number, Buffer>(scrypt)
const HASH_BYTES = 32

/** A request body as it was received and validated. */
export type ReceivedBody = Readonly<Record<'key' | 'csr', Readonly<Record<string, unknown>>>>

/**
 * Tells two requests apart without keeping the password: scrypt with a salt of its own, so that a stolen journal is no oracle for guesses.
 * @returns a fingerprint for a new row
 */
export async function fingerprintOf(body: ReceivedBody): Promise<Fingerprint> {
  const password = passwordIn(body)
  const digest = digestWithoutPassword(body)
  if (password === undefined) return { body: digest }
  const salt = randomBytes(16)
  return { body: digest, password: { salt: salt.toString('base64'), hash: (await derive(password, salt, HASH_BYTES)).toString('base64') } }
}

/** @returns whether `body` is the request that `fingerprint` was made of */
export async function matchesFingerprint(fingerprint: Fingerprint, body: ReceivedBody): Promise<boolean> {
  const password = passwordIn(body)
  if (fingerprint.body !== digestWithoutPassword(body) || (password === undefined) !== (fingerprint.password === undefined)) return false
  if (password === undefined || fingerprint.password === undefined) return true
  const hash = await derive(password, Buffer.from(fingerprint.password.salt, 'base64'), HASH_BYTES)
  return timingSafeEqual(hash, Buffer.from(fingerprint.password.hash, 'base64'))
}

function digestWithoutPassword(body: ReceivedBody): string {
  const { password: _key, ...key } = body.key
  const { keyPassword: _csr, ...csr } = body.csr
  return createHash('sha256').update(JSON.stringify({ ...body, key, csr })).digest('base64')
}

function passwordIn(body: ReceivedBody): string | undefined {
  const { password } = body.key
  if (Array.isArray(password)) return password.join('')
  return typeof password === 'string' ? password : undefined
}
