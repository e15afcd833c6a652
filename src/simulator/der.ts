/** Just enough DER writing (ITU-T X.690) for certificates and PKCS#10. By hand, so that tests can also make what a library would refuse. */

const encodeLength = (length: number): Buffer => {
  if (length < 0x80) return Buffer.of(length)
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return Buffer.of(0x80 | bytes.length, ...bytes)
}

/**
 * Writes one tag-length-value.
 * @param tag The identifier octet.
 * @param parts The content, concatenated.
 */
export function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.of(tag), encodeLength(content.length), content])
}

/** Writes a SEQUENCE of already encoded elements. */
export const sequence = (...elements: readonly Uint8Array[]): Buffer => tlv(0x30, ...elements)

/** Writes a SET OF already encoded elements, in the order that DER asks for (X.690 11.6). */
export const setOf = (...elements: readonly Uint8Array[]): Buffer => tlv(0x31, ...elements.toSorted((a, b) => Buffer.compare(a, b)))

/** Writes a context-specific constructed tag, as in `[0] EXPLICIT`. */
export const explicit = (number: number, ...elements: readonly Uint8Array[]): Buffer => tlv(0xa0 | number, ...elements)

/**
 * Writes a non-negative INTEGER.
 * @param value A small number, or the big-endian bytes of a large one.
 */
export function integer(value: number | Uint8Array): Buffer {
  let bytes = typeof value === 'number' ? Buffer.from(value.toString(16).padStart(value > 0xff ? 4 : 2, '0'), 'hex') : Buffer.from(value)
  while (bytes.length > 1 && bytes[0] === 0 && (bytes[1] ?? 0) < 0x80) bytes = bytes.subarray(1)
  return (bytes[0] ?? 0) >= 0x80 ? tlv(0x02, Buffer.of(0), bytes) : tlv(0x02, bytes)
}

/** Writes a BOOLEAN. */
export const boolean = (value: boolean): Buffer => tlv(0x01, Buffer.of(value ? 0xff : 0x00))

/** Writes a NULL. */
export const nothing = (): Buffer => tlv(0x05)

/** Writes an OCTET STRING. */
export const octetString = (bytes: Uint8Array): Buffer => tlv(0x04, bytes)

/** Writes a BIT STRING. `unusedBits` counts the padding bits in the last octet. */
export const bitString = (bytes: Uint8Array, unusedBits = 0): Buffer => tlv(0x03, Buffer.of(unusedBits), bytes)

/** Writes a BIT STRING of a named bit list: trailing zero bits are dropped (X.690 11.2.2). `bits` are bit numbers from the left. */
export function namedBits(bits: readonly number[]): Buffer {
  const highest = Math.max(-1, ...bits)
  const bytes = Buffer.alloc(Math.floor(highest / 8) + 1)
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7))
  return bitString(bytes, highest < 0 ? 0 : 7 - (highest & 7))
}

/** Writes an OBJECT IDENTIFIER from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const base128 = (arc: number): number[] => {
    const bytes = [arc % 128]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) bytes.unshift(0x80 | (left % 128))
    return bytes
  }
  return tlv(0x06, Buffer.from([first * 40 + second, ...rest].flatMap(base128)))
}

/** Writes a PrintableString. The caller answers for the character set. */
export const printableString = (text: string): Buffer => tlv(0x13, Buffer.from(text, 'latin1'))

/** Writes a UTF8String. */
export const utf8String = (text: string): Buffer => tlv(0x0c, Buffer.from(text, 'utf8'))

/** Writes an IA5String. */
export const ia5String = (text: string): Buffer => tlv(0x16, Buffer.from(text, 'latin1'))

/** Writes a Time as RFC 5280 4.1.2.5 asks: UTCTime to 2049, GeneralizedTime from 2050. */
export function time(date: Date): Buffer {
  const digits = `${date.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`
  return date.getUTCFullYear() < 2050 ? tlv(0x17, Buffer.from(digits.slice(2))) : tlv(0x18, Buffer.from(digits))
}

/** Armours DER as PEM: base64 in lines of 64, LF, final LF. */
export function pem(type: string, der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${type}-----`, ...lines, `-----END ${type}-----`, ''].join('\n')
}

/** Reads the first PEM block of any type back to DER. */
export const pemToDer = (text: string): Buffer => Buffer.from(text.replace(/-----[^-]+-----/g, ''), 'base64')
