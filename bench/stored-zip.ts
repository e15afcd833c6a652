import { crc32, deflateRawSync } from 'node:zlib'

/** A file that was packed beforehand: what it costs is paid once. */
export interface PackedFile {
  readonly name: Buffer
  readonly method: 0 | 8
  readonly crc: number
  readonly size: number
  readonly packed: Uint8Array
}

/** Packs a file that every export holds alike. */
export const deflated = (name: string, bytes: Uint8Array): PackedFile =>
  ({ name: Buffer.from(name), method: 8, crc: crc32(bytes), size: bytes.length, packed: deflateRawSync(bytes) })

/** Takes a file as it is: compressing what differs each time would be the dearest thing that the upstream does. */
export const stored = (name: string, bytes: Uint8Array): PackedFile => ({ name: Buffer.from(name), method: 0, crc: crc32(bytes), size: bytes.length, packed: bytes })

const LOCAL_HEADER = 0x04034b50
const CENTRAL_HEADER = 0x02014b50
const END = 0x06054b50
const VERSION = 20

/** Writes a zip (APPNOTE 4.3.7, 4.3.12, 4.3.16) without times, extra fields or descriptors. */
export function zipOf(files: readonly PackedFile[]): Buffer {
  const locals: Uint8Array[] = []
  const centrals: Uint8Array[] = []
  let offset = 0
  for (const { name, method, crc, size, packed } of files) {
    const local = Buffer.alloc(30)
    local.writeUInt32LE(LOCAL_HEADER, 0)
    local.writeUInt16LE(VERSION, 4)
    local.writeUInt16LE(method, 8)
    local.writeUInt32LE(crc, 14)
    local.writeUInt32LE(packed.length, 18)
    local.writeUInt32LE(size, 22)
    local.writeUInt16LE(name.length, 26)
    const central = Buffer.alloc(46)
    central.writeUInt32LE(CENTRAL_HEADER, 0)
    central.writeUInt16LE(VERSION, 4)
    // From the version on, the two headers say the same.
    local.copy(central, 6, 4, 28)
    central.writeUInt32LE(offset, 42)
    locals.push(local, name, packed)
    centrals.push(central, name)
    offset += local.length + name.length + packed.length
  }
  const directorySize = centrals.reduce((sum, part) => sum + part.length, 0)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(END, 0)
  end.writeUInt16LE(files.length, 8)
  end.writeUInt16LE(files.length, 10)
  end.writeUInt32LE(directorySize, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, ...centrals, end])
}
