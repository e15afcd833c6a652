import { crc32, deflateRawSync } from 'node:zlib'

/** One entry as a writer without any scruple would write it. */
export interface RawEntry {
  readonly name: string
  readonly bytes: Uint8Array
  readonly localName?: string
  readonly flags?: number
  readonly method?: number
  /** What stands in the file instead of the bytes, for methods and sizes that lie. */
  readonly packed?: Uint8Array
  readonly size?: number
  readonly attributes?: number
  readonly extra?: Uint8Array
  /** Java's way: sizes behind the data. */
  readonly descriptor?: boolean
  /** Where the central directory says that the entry starts. */
  readonly offset?: number
  /** Junk behind the entry. */
  readonly gap?: Uint8Array
}

const le = (size: 2 | 4, value: number): Buffer => {
  const bytes = Buffer.alloc(size)
  if (size === 2) bytes.writeUInt16LE(value)
  else bytes.writeUInt32LE(value)
  return bytes
}

/** Writes a zip (APPNOTE 4.3) exactly as told. */
export function rawZip(entries: readonly RawEntry[], options: { readonly comment?: string; readonly before?: Uint8Array; readonly count?: number } = {}): Buffer {
  const parts: Buffer[] = [Buffer.from(options.before ?? [])]
  const central: Buffer[] = []
  let position = parts[0]!.length
  const write = (...more: readonly Buffer[]): void => {
    parts.push(...more)
    for (const { length } of more) position += length
  }
  for (const entry of entries) {
    const start = position
    const method = entry.method ?? 8
    const packed = Buffer.from(entry.packed ?? (method === 8 ? deflateRawSync(entry.bytes) : entry.bytes))
    const flags = (entry.flags ?? 0) | (entry.descriptor ? 8 : 0)
    const sums = Buffer.concat([le(4, crc32(entry.bytes)), le(4, packed.length), le(4, entry.size ?? entry.bytes.length)])
    const common = (name: Buffer, withSums: boolean): Buffer => Buffer.concat([
      le(2, 20), le(2, flags), le(2, method), le(4, 0), withSums ? sums : Buffer.alloc(12), le(2, name.length), le(2, entry.extra?.length ?? 0),
    ])
    const localName = Buffer.from(entry.localName ?? entry.name)
    write(le(4, 0x04034b50), common(localName, !entry.descriptor), localName, Buffer.from(entry.extra ?? []), packed)
    if (entry.descriptor) write(le(4, 0x08074b50), sums)
    write(Buffer.from(entry.gap ?? []))
    const name = Buffer.from(entry.name)
    central.push(Buffer.concat([
      le(4, 0x02014b50), le(2, 0x0314), common(name, true), le(2, 0), le(2, 0), le(2, 0), le(4, entry.attributes ?? 0), le(4, entry.offset ?? start),
      name, Buffer.from(entry.extra ?? []),
    ]))
  }
  const directory = Buffer.concat(central)
  const count = options.count ?? entries.length
  const comment = Buffer.from(options.comment ?? '')
  const end = Buffer.concat([le(4, 0x06054b50), le(2, 0), le(2, 0), le(2, count), le(2, count), le(4, directory.length), le(4, position), le(2, comment.length), comment])
  return Buffer.concat([...parts, directory, end])
}

/** The same files, each changed by `change`. */
export function entriesOf(files: ReadonlyMap<string, Uint8Array>, change: (entry: RawEntry, index: number) => RawEntry = (entry) => entry): RawEntry[] {
  return [...files].map(([name, bytes], index) => change({ name, bytes }, index))
}
