import { randomBytes } from 'node:crypto'

/** A secret by its name; values differ on every run, so that no fixture can hold one by chance. */
export type Planted = Readonly<Record<string, string>>

/** @returns a secret of letters and digits, as keys and tokens are */
export const plant = (): string => randomBytes(24).toString('base64').replaceAll(/[+/=]/g, 'x')

/** @returns a password that no encoding leaves as it is: each character that JSON, HTML, URLs or shells escape */
export const plantPassword = (): string => `${plant().slice(0, 10)}"\\<&' +%${plant().slice(0, 10)}`

const jsonText = (text: string): string => JSON.stringify(text).slice(1, -1)
const everyCharacter = (text: string, form: (code: number) => string): string => [...text].map((each) => form(each.charCodeAt(0))).join('')

/** What base64 shows of a text that stands somewhere in other bytes: three ways, by where it begins. */
function base64Cores(secret: string): string[] {
  return [0, 1, 2].map((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)])
    return bytes.toString('base64').slice([0, 2, 3][offset], Math.floor(bytes.length / 3) * 4)
  })
}

/** Every form in which a secret could be written: as it is, escaped, encoded, and as the list of characters that the TSB takes. */
export function formsOf(secret: string): string[] {
  const characters = [...secret]
  const hex = Buffer.from(secret).toString('hex')
  const cores = base64Cores(secret)
  return [...new Set([
    secret, jsonText(secret), jsonText(jsonText(secret)), everyCharacter(secret, (code) => `\\u${code.toString(16).padStart(4, '0')}`),
    encodeURIComponent(secret), new URLSearchParams({ '': secret }).toString().slice(1), everyCharacter(secret, (code) => `%${code.toString(16)}`),
    secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;'), everyCharacter(secret, (code) => `&#${code};`),
    ...cores, ...cores.map((core) => core.replaceAll('+', '-').replaceAll('/', '_')), hex, hex.toUpperCase(),
    JSON.stringify(characters), JSON.stringify(characters, null, 1), jsonText(JSON.stringify(characters)), characters.join(', '), characters.join(','), characters.join(' '),
    Buffer.from(secret, 'utf16le').toString('latin1'),
  ])]
}

/** Looks for secrets in all that a process let out. */
export interface Grep {
  /** Adds a place that may hold nothing of them. */
  add(place: string, content: string | Uint8Array): void
  /** The text of the places whose name begins so, bytes as Latin-1. */
  textOf(place: string): string
  /** @returns which secret stands where, in which form; empty where none does */
  finds(): string[]
}

/** @param secrets by name; add as many as there are settings and credentials */
export function openGrep(secrets: Planted): Grep {
  const places: (readonly [string, string])[] = []
  const forms = Object.entries(secrets).map(([name, secret]) => [name, formsOf(secret)] as const)
  return {
    add: (place, content) => { places.push([place, typeof content === 'string' ? content : Buffer.from(content).toString('latin1')]) },
    textOf: (place) => places.filter(([name]) => name.startsWith(place)).map(([, text]) => text).join('\n'),
    finds: () => places.flatMap(([place, text]) => forms.flatMap(([name, all]) => {
      const at = all.findIndex((form) => text.includes(form))
      return at < 0 ? [] : [`${name} in ${place} (form ${at})`]
    })),
  }
}
