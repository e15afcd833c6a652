import { refusal } from './tsb-reasons.ts'

export type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const unreadable = () => refusal(621, 'Invalid request. Cannot parse json string')
const invalid = (field: string, rule: string) => refusal(600, `Input validation failed: ${field} ${rule}`)

/** Reads the body as an object. @throws TsbRefusal 621. */
export function fieldsOf(body: unknown): Fields {
  if (!isFields(body)) throw unreadable()
  return body
}

/** Reads an object that may be absent or null. @throws TsbRefusal 621 for anything else. */
export function optionalFields(body: Fields, field: string): Fields | undefined {
  const value = body[field]
  if (value === undefined || value === null) return undefined
  return fieldsOf(value)
}

/** Reads an object that must be there. @throws TsbRefusal 600, 621. */
export function requiredFields(body: Fields, field: string): Fields {
  const value = optionalFields(body, field)
  if (value === undefined) throw invalid(field, 'must not be null')
  return value
}

/** Reads a text that may be absent or null. @throws TsbRefusal 621 for anything else. */
export function optionalText(body: Fields, field: string): string | undefined {
  const value = body[field]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw unreadable()
  return value
}

/** Reads a text that must not be empty. @throws TsbRefusal 600, 621. */
export function requiredText(body: Fields, field: string): string {
  const value = optionalText(body, field)
  if (value === undefined || value === '') throw invalid(field, 'must not be empty')
  return value
}

/** Reads a whole number that may be absent or null. @throws TsbRefusal 621. */
export function optionalInteger(body: Fields, field: string): number | undefined {
  const value = body[field]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !Number.isInteger(value)) throw unreadable()
  return value
}

/** Reads a flag that may be absent or null. @throws TsbRefusal 621. */
export function optionalFlag(body: Fields, field: string): boolean | undefined {
  const value = body[field]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'boolean') throw unreadable()
  return value
}

/** Checks one value of an enum. @throws TsbRefusal 501. */
export function enumValue<T extends string>(value: unknown, field: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value)
  if (found === undefined) throw refusal(501, `Value '${String(value)}' is not valid for field ${field}`)
  return found
}

/** Reads a list of enum values; absent and null are an empty list. @throws TsbRefusal 501, 621. */
export function enumList<T extends string>(body: Fields, field: string, allowed: readonly T[]): T[] {
  const value = body[field]
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw unreadable()
  return value.map((item: unknown) => enumValue(item, field, allowed))
}

/**
 * Reads a password: an array of single UTF-16 units, or a plain string (contract 2.1).
 * @throws TsbRefusal 600 for an empty one or an element that is not one unit, 621 for another type.
 */
export function password(body: Fields, field: 'password' | 'keyPassword'): string | undefined {
  const value = body[field]
  if (value === undefined || value === null) return undefined
  const units: unknown = typeof value === 'string' ? value.split('') : value
  if (!Array.isArray(units)) throw unreadable()
  if (units.length === 0) throw invalid(field, 'must not be empty')
  return units.map((unit: unknown) => {
    if (typeof unit !== 'string' || unit.length !== 1) throw invalid(field, 'must match "^.{1}$"')
    return unit
  }).join('')
}
