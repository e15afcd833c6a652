/** One value of a DER encoding (ITU-T X.690), with its exact bytes. */
export interface Der {
  /** The identifier octet, e.g. 0x30 for SEQUENCE. Tag numbers above 30 are refused. */
  readonly tag: number
  /** The whole encoding: identifier, length, contents. */
  readonly bytes: Uint8Array
  readonly contents: Uint8Array
  /** Of a constructed value; empty otherwise. */
  readonly children: readonly Der[]
}

export const TAG = {
  boolean: 0x01, integer: 0x02, bitString: 0x03, octetString: 0x04, null: 0x05, oid: 0x06, utf8String: 0x0c, printableString: 0x13,
  teletexString: 0x14, ia5String: 0x16, universalString: 0x1c, bmpString: 0x1e, sequence: 0x30, set: 0x31, context0: 0xa0,
} as const

/** No structure that is read here nests deeper than 12; a deeper one is a stack attack. */
const DEEPEST = 20
/** A CSR or a certificate has about 100 values. */
const MOST_VALUES = 2000

/**
 * Reads one DER value strictly: definite minimal lengths (X.690 10.1), minimal integers (8.3.2), TRUE as FF (11.1), SET in order (11.6),
 * nothing behind it. BER that another reader would take differently is refused here, so signed bytes have one meaning.
 * @returns the value, or undefined when the bytes are not the DER of exactly one value
 */
export function readDer(bytes: Uint8Array): Der | undefined {
  const budget = { values: MOST_VALUES }
  const value = readValue(bytes, 0, budget, 0)
  return value?.bytes.length === bytes.length ? value : undefined
}

function readValue(bytes: Uint8Array, start: number, budget: { values: number }, depth: number): Der | undefined {
  budget.values -= 1
  const tag = bytes[start]
  const first = bytes[start + 1]
  if (tag === undefined || first === undefined || budget.values < 0 || depth > DEEPEST || (tag & 0x1f) === 0x1f || tag === 0) return undefined
  let at = start + 2
  let length = first
  if (first >= 0x80) {
    const octets = first & 0x7f
    if (octets === 0 || octets > 3) return undefined
    length = 0
    for (let i = 0; i < octets; i += 1) length = length * 256 + (bytes[at + i] ?? 0)
    if (length < 0x80 || length < 256 ** (octets - 1)) return undefined
    at += octets
  }
  const end = at + length
  if (end > bytes.length) return undefined
  const contents = bytes.subarray(at, end)
  const children: Der[] = []
  if (tag & 0x20) {
    for (let child = at; child < end;) {
      const value = readValue(bytes.subarray(0, end), child, budget, depth + 1)
      if (!value) return undefined
      children.push(value)
      child += value.bytes.length
    }
  }
  const value: Der = { tag, bytes: bytes.subarray(start, end), contents, children }
  return isCanonical(value) ? value : undefined
}

function isCanonical({ tag, contents, children }: Der): boolean {
  const [first, second] = contents
  switch (tag) {
    case TAG.boolean: return contents.length === 1 && (first === 0 || first === 0xff)
    case TAG.integer: return first !== undefined && !(second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)))
    case TAG.null: return contents.length === 0
    case TAG.bitString: return isCanonicalBitString(contents)
    case TAG.oid: return isCanonicalOid(contents)
    case TAG.set: return children.every((child, i) => i === 0 || Buffer.compare(children[i - 1]!.bytes, child.bytes) <= 0)
    case TAG.sequence: return true
    // A primitive SEQUENCE or SET, and a constructed string, exist in BER only (X.690 10.2).
    default: return (tag & 0xc0) !== 0 || ((tag & 0x20) === 0 && tag !== 0x10 && tag !== 0x11)
  }
}

function isCanonicalBitString(contents: Uint8Array): boolean {
  const unused = contents[0]
  if (unused === undefined || unused > 7) return false
  if (contents.length === 1) return unused === 0
  return (contents[contents.length - 1]! & ((1 << unused) - 1)) === 0
}

function isCanonicalOid(contents: Uint8Array): boolean {
  if (contents.length === 0 || contents.length > 64 || contents[contents.length - 1]! >= 0x80) return false
  return contents.every((byte, i) => byte !== 0x80 || (i > 0 && contents[i - 1]! >= 0x80))
}

/** Dotted form of an OBJECT IDENTIFIER, or undefined when the value is none. */
export function oidOf(value: Der | undefined): string | undefined {
  if (value?.tag !== TAG.oid) return undefined
  const arcs: bigint[] = []
  let arc = 0n
  for (const byte of value.contents) {
    arc = arc * 128n + BigInt(byte & 0x7f)
    if (byte < 0x80) {
      arcs.push(arc)
      arc = 0n
    }
  }
  const root = arcs[0]! < 80n ? arcs[0]! / 40n : 2n
  return [root, arcs[0]! - root * 40n, ...arcs.slice(1)].join('.')
}

/** Value of a non-negative INTEGER, or undefined when it is none. */
export function integerOf(value: Der | undefined): bigint | undefined {
  if (value?.tag !== TAG.integer || value.contents[0]! >= 0x80) return undefined
  return BigInt(`0x${Buffer.from(value.contents).toString('hex')}`)
}

/** The octets of a BIT STRING without unused bits, or undefined when it is none. */
export function bitStringOf(value: Der | undefined): Uint8Array | undefined {
  return value?.tag === TAG.bitString && value.contents[0] === 0 ? value.contents.subarray(1) : undefined
}

/** Children of a SEQUENCE that has between `least` and `most` of them, or undefined. */
export function sequenceOf(value: Der | undefined, least: number, most = least): readonly Der[] | undefined {
  return value?.tag === TAG.sequence && value.children.length >= least && value.children.length <= most ? value.children : undefined
}
