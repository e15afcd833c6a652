import { crc32, inflateRawSync } from 'node:zlib'
import { fromBufferPromise } from 'yauzl'
import type { Entry, LocalFileHeader } from 'yauzl'
import { nameFlaw } from './archive-name.ts'
import { sameBytes, utf8 } from './text.ts'

/** A genuine export has 5 files of 20 kB in all, a bundle 10. */
export const LIMITS = { entries: 20, entryBytes: 1024 * 1024, totalBytes: 4 * 1024 * 1024, archiveBytes: 5 * 1024 * 1024 } as const

export interface ArchiveFile {
  readonly name: string
  readonly bytes: Uint8Array
}

/** The files of an archive in its order, or the reason why it is refused, as the end of a sentence ("the zip …"). */
export type Archive = { readonly files: readonly ArchiveFile[] } | { readonly refused: string }

const END_OF_CENTRAL_DIRECTORY = 0x06054b50
const ZIP64_LOCATOR = 0x07064b50
const DATA_DESCRIPTOR = 0x08074b50
const FLAG = { deflateEffort: 0x6, descriptor: 0x8, utf8: 0x800 } as const
/** Encryption, patches and masked headers are what the other flags stand for (APPNOTE 4.4.4). */
const PLAIN_FLAGS = FLAG.deflateEffort | FLAG.descriptor | FLAG.utf8
/** Zip64 sizes and the Unicode path (APPNOTE 4.5.3, 4.6.9): each a second truth about what the header says already. */
const AMBIGUOUS_EXTRA_FIELDS = [0x0001, 0x7075]

/**
 * Reads a zip of which all readers see the same: one local header per central one with equal content, entries side by side from the first
 * byte to the central directory, nothing before, between or behind. Inflating stops at the limits, whatever the headers promise.
 * @param bytes the zip as it came
 */
export async function readArchive(bytes: Uint8Array): Promise<Archive> {
  try {
    return { files: await readFiles(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) }
  } catch (error) {
    return { refused: error instanceof Refused ? error.message : 'is damaged: its structure cannot be read' }
  }
}

/** Whether the bytes look like a zip at all: for telling a wrong file from a bad one. */
export function looksLikeZip(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return text.subarray(0, 4).equals(Buffer.from('PK\x03\x04', 'latin1')) || text.includes(Buffer.from('PK\x05\x06', 'latin1'))
}

class Refused extends Error {}

async function readFiles(zip: Buffer): Promise<ArchiveFile[]> {
  const directory = readDirectoryEnd(zip)
  // decodeStrings false: yauzl would decode CP437 and mend backslashes; the raw names are judged here.
  const file = await fromBufferPromise(zip, { decodeStrings: false, validateEntrySizes: true })
  const files: ArchiveFile[] = []
  const spans: { start: number; end: number }[] = []
  const names = new Set<string>()
  let directorySize = 0
  let total = 0
  for await (const entry of file.eachEntry()) {
    directorySize += 46 + entry.fileNameLength + entry.extraFieldLength + entry.fileCommentLength
    const name = readName(entry)
    const local = await file.readLocalFileHeaderPromise(entry)
    refuseDifference(entry, local, name)
    const folded = name.normalize('NFKC').toLowerCase()
    if (names.has(folded)) throw new Refused('has two files of one name (upper and lower case count as one)')
    names.add(folded)
    const packed = zip.subarray(local.fileDataStart, local.fileDataStart + entry.compressedSize)
    const content = unpack(entry, packed, Math.min(LIMITS.entryBytes, LIMITS.totalBytes - total))
    total += content.length
    files.push({ name, bytes: content })
    spans.push({ start: entry.relativeOffsetOfLocalHeader, end: local.fileDataStart + entry.compressedSize + descriptorLength(zip, entry, local) })
  }
  if (directorySize !== directory.size) throw new Refused('has a central directory of another size than it states')
  refuseGaps(spans, directory.offset)
  return files
}

/** The end record must be the last 22 bytes: a comment behind it is room for a second archive. */
function readDirectoryEnd(zip: Buffer): { offset: number; size: number } {
  if (zip.length > LIMITS.archiveBytes) throw new Refused(`is larger than ${LIMITS.archiveBytes} bytes`)
  const at = zip.length - 22
  if (at < 0 || zip.readUInt32LE(at) !== END_OF_CENTRAL_DIRECTORY || zip.readUInt16LE(at + 20) !== 0) {
    throw new Refused('does not end with its central directory (cut off, or data behind it)')
  }
  const entries = zip.readUInt16LE(at + 10)
  const size = zip.readUInt32LE(at + 12)
  const offset = zip.readUInt32LE(at + 16)
  if (zip.readUInt16LE(at + 4) !== 0 || zip.readUInt16LE(at + 6) !== 0 || zip.readUInt16LE(at + 8) !== entries) {
    throw new Refused('is one part of several')
  }
  if (entries > LIMITS.entries) throw new Refused(`has more than ${LIMITS.entries} entries`)
  // Readers that know Zip64 would follow it to another directory.
  if (at >= 20 && zip.readUInt32LE(at - 20) === ZIP64_LOCATOR) throw new Refused('has a second, 64-bit central directory')
  if (offset + size !== at) throw new Refused('has data before, between or behind its entries')
  return { offset, size }
}

function readName(entry: Entry): string {
  const isAscii = entry.fileNameRaw.every((byte) => byte < 0x80)
  const name = isAscii || entry.generalPurposeBitFlag & FLAG.utf8 ? utf8(entry.fileNameRaw) : undefined
  if (name === undefined) throw new Refused('has a file name that is not UTF-8')
  const flaw = nameFlaw(name)
  if (flaw) throw new Refused(flaw)
  if (entry.generalPurposeBitFlag & ~PLAIN_FLAGS) throw new Refused('has an encrypted entry, or one with another unusual flag')
  if (entry.compressionMethod !== 0 && entry.compressionMethod !== 8) throw new Refused('uses a compression other than deflate')
  // Unix mode in the upper half (APPNOTE 4.4.15): a regular file, or nothing stated. A symbolic link would point out of the folder.
  const fileType = (entry.externalFileAttributes >>> 16) & 0o170000
  if ((fileType !== 0 && fileType !== 0o100000) || entry.externalFileAttributes & 0x10) throw new Refused('has an entry that is no regular file')
  if (entry.fileCommentLength > 0) throw new Refused('has comments on its entries')
  return name
}

/** Two readers, one that goes by the central directory and one by the local headers, must find the same file. */
function refuseDifference(entry: Entry, local: LocalFileHeader, name: string): void {
  const extraFields = [...extraFieldIds(entry.extraFieldRaw), ...extraFieldIds(local.extraField)]
  if (extraFields.some((id) => AMBIGUOUS_EXTRA_FIELDS.includes(id))) throw new Refused('has an extra field that restates a name or a size')
  const streamed = (entry.generalPurposeBitFlag & FLAG.descriptor) !== 0
  const agrees = (stated: number, actual: number): boolean => stated === actual || (streamed && stated === 0)
  if (!sameBytes(entry.fileNameRaw, local.fileName) || entry.generalPurposeBitFlag !== local.generalPurposeBitFlag
    || entry.compressionMethod !== local.compressionMethod || !agrees(local.crc32, entry.crc32)
    || !agrees(local.compressedSize, entry.compressedSize) || !agrees(local.uncompressedSize, entry.uncompressedSize)) {
    throw new Refused(`describes ${name} differently in its two headers`)
  }
}

function extraFieldIds(raw: Buffer): number[] {
  const ids: number[] = []
  for (let at = 0; at + 4 <= raw.length; at += 4 + raw.readUInt16LE(at + 2)) ids.push(raw.readUInt16LE(at))
  return ids
}

function unpack(entry: Entry, packed: Buffer, most: number): Uint8Array {
  if (entry.uncompressedSize > most || packed.length > most + 1024) throw new Refused('has an entry beyond the limits of size')
  const content = entry.compressionMethod === 0 ? packed : inflate(packed, most)
  if (content.length !== entry.uncompressedSize || crc32(content) !== entry.crc32) throw new Refused('has an entry whose checksum or size is wrong')
  return Uint8Array.from(content)
}

function inflate(packed: Buffer, most: number): Buffer {
  try {
    // info: how many bytes the decoder used, so that nothing hides behind the end of the deflate stream. Its type is not in @types/node.
    const { buffer, engine } = inflateRawSync(packed, { maxOutputLength: most + 1, info: true }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } }
    if (engine.bytesWritten !== packed.length) throw new Refused('has data behind a compressed entry')
    return buffer
  } catch (error) {
    throw error instanceof Refused ? error : new Refused('has an entry that cannot be unpacked within the limits')
  }
}

/** Java's ZipOutputStream, and so perhaps the TSB, writes sizes behind the data (APPNOTE 4.3.9), with or without a signature. */
function descriptorLength(zip: Buffer, entry: Entry, local: LocalFileHeader): number {
  if (!(entry.generalPurposeBitFlag & FLAG.descriptor)) return 0
  const at = local.fileDataStart + entry.compressedSize
  const signed = at + 16 <= zip.length && zip.readUInt32LE(at) === DATA_DESCRIPTOR && holds(zip, at + 4, entry)
  if (signed) return 16
  if (at + 12 <= zip.length && holds(zip, at, entry)) return 12
  throw new Refused('has an entry without its data descriptor')
}

function holds(zip: Buffer, at: number, entry: Entry): boolean {
  return zip.readUInt32LE(at) === entry.crc32 && zip.readUInt32LE(at + 4) === entry.compressedSize && zip.readUInt32LE(at + 8) === entry.uncompressedSize
}

function refuseGaps(spans: { start: number; end: number }[], directoryOffset: number): void {
  const inOrder = spans.toSorted((a, b) => a.start - b.start)
  const ends = [0, ...inOrder.map(({ end }) => end)]
  const starts = [...inOrder.map(({ start }) => start), directoryOffset]
  if (starts.some((start, i) => start !== ends[i])) throw new Refused('has data before or between its entries, or entries that overlap')
}
