/** Shorter secrets are looked for as they are only: their encodings have so few characters that chance would write them. */
const SHORTEST_ENCODED = 4

/**
 * Whether a text from outside repeats a secret: as it is, with anything between its characters that a list of characters has (the TSB takes
 * passwords so, and Java prints them so), escaped for a URL, HTML or JSON, or as base64 or hex, in which a proxy or a log shows bytes.
 * @param text what the TSB said, whole
 * @param secrets a secret that is empty or of separators only is not looked for as a list
 */
export function reveals(text: string, secrets: readonly string[]): boolean {
  const readings = [text, withoutPercent(text), withoutEntities(text), withoutUnicodeEscapes(text)].map((each) => [each, withoutSeparators(each)] as const)
  const encoded = text.replace(/\s/g, '')
  return secrets.some((secret) => {
    if (secret === '') return false
    const plain = withoutSeparators(secret)
    return readings.some(([whole, stripped]) => whole.includes(secret) || (plain !== '' && stripped.includes(plain))) || holdsEncoded(encoded, secret)
  })
}

const withoutSeparators = (text: string): string => text.replace(/[\s,"'[\]\\]/g, '')
const character = (code: string, base: 10 | 16): string => String.fromCharCode(Number.parseInt(code, base))
// Each escape by itself, so that a broken one beside them hides nothing; bytes above ASCII are in no secret of ours.
const withoutPercent = (text: string): string => text.replaceAll('+', ' ').replace(/%([0-9a-f]{2})/gi, (_, code: string) => character(code, 16))
const withoutUnicodeEscapes = (text: string): string => text.replace(/\\(?:u([0-9a-f]{4})|(.))/gi, (_, code?: string, plain?: string) => (code ? character(code, 16) : plain!))
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const withoutEntities = (text: string): string => text.replace(/&(?:#x([0-9a-f]{1,4})|#(\d{1,5})|(amp|lt|gt|quot|apos));/gi,
  (_, hex?: string, decimal?: string, name?: string) => (hex ? character(hex, 16) : decimal ? character(decimal, 10) : NAMED[name!.toLowerCase()]!))

function holdsEncoded(text: string, secret: string): boolean {
  if (secret.length < SHORTEST_ENCODED) return false
  const standard = text.replaceAll('-', '+').replaceAll('_', '/')
  return text.toLowerCase().includes(Buffer.from(secret).toString('hex')) || [0, 1, 2].some((offset) => {
    const core = base64Core(secret, offset)
    return core.length >= SHORTEST_ENCODED && standard.includes(core)
  })
}

/** What base64 writes of a secret that stands behind `offset` other bytes, without the characters that those beside it share. */
function base64Core(secret: string, offset: number): string {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)])
  return bytes.toString('base64').slice([0, 2, 3][offset], Math.floor(bytes.length / 3) * 4)
}
