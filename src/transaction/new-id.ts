import { randomBytes } from 'node:crypto'

/**
 * @param now epoch milliseconds
 * @returns a new transaction's id: a lower-case UUID of version 7 (RFC 9562, section 5.7), which begins with the time. So rows that are made
 * one after the other lie side by side in the journal's indexes, however many there are; its 74 random bits are what makes it unique
 */
export function newId(now: number = Date.now()): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now, 0, 6)
  bytes[6] = (bytes[6]! & 0x0f) | 0x70
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
