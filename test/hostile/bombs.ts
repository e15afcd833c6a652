import { constants, deflateRawSync, gzipSync } from 'node:zlib'
import { rawZip, type RawEntry } from '../evidence/raw-zip.ts'

const MEBIBYTE = 1024 * 1024
const block = Buffer.alloc(MEBIBYTE)

/** Deflate that becomes so many MiB of zeros: one flushed block again and again, so that making it costs nothing. */
export function deflateBomb(mebibytes: number): Buffer {
  const piece = deflateRawSync(block, { finishFlush: constants.Z_FULL_FLUSH, level: 9 })
  return Buffer.concat([...Array.from({ length: mebibytes }, () => piece), deflateRawSync(Buffer.alloc(0))])
}

/** As an HTTP body: 1 GiB in one MiB. */
export function gzipBomb(): Buffer {
  const empty = gzipSync(Buffer.alloc(0))
  return Buffer.concat([empty.subarray(0, 10), deflateBomb(1024), Buffer.alloc(8)])
}

const entry = (name: string, more: Partial<RawEntry> = {}): RawEntry => ({ name, bytes: Buffer.from('x'), ...more })

/** Two files of which one lies inside the other's data, as in the zip that David Fifield described in 2019. */
function overlapping(): Buffer {
  const files = Array.from({ length: 10 }, (_, i) => entry(`${i}.xml`, { bytes: block, packed: deflateRawSync(block) }))
  return rawZip(files.map((file) => ({ ...file, offset: 0 })))
}

/** Zips that unpack to far more than they are, or say so, each with what the check says of it. */
export const BOMBS: readonly (readonly [name: string, make: () => Buffer, says: RegExp])[] = [
  ['a file of 1 GiB that says so', () => rawZip([entry('a.xml', { packed: deflateBomb(1024), size: 1024 * MEBIBYTE })]), /beyond the limits of size/],
  ['a file of 1 GiB that says one byte', () => rawZip([entry('a.xml', { packed: deflateBomb(1024), size: 1 })]), /beyond the limits|within the limits/],
  ['a file of 900 MiB, small enough when packed, that says one byte', () => rawZip([entry('a.xml', { packed: deflateBomb(900), size: 1 })]), /within the limits/],
  ['a stored file that says 4 GiB', () => rawZip([entry('a.xml', { method: 0, size: 0xffffffff })]), /beyond the limits of size|structure cannot be read/],
  ['twenty files of 1 MiB', () => rawZip(Array.from({ length: 20 }, (_, i) => entry(`${i}.xml`, { bytes: block }))), /beyond the limits/],
  ['files that share their data', overlapping, /overlap|beyond the limits|differently/],
  ['60000 files', () => rawZip(Array.from({ length: 100 }, (_, i) => entry(`${i}.xml`)), { count: 60_000 }), /more than 20 entries/],
  ['a file that says how long it is behind its data only', () => rawZip([entry('a.xml', { descriptor: true, packed: deflateBomb(900), size: 1 })]), /within the limits/],
]

/** An entity that becomes 10^9 letters (the billion laughs of 2003), and one from a file. */
export const XML_BOMBS: readonly (readonly [name: string, make: (xml: string) => string])[] = [
  ['entities of entities', (xml) => xml.replace(/^(<\?xml.*?\?>)?/, (head) => `${head}<!DOCTYPE private_key [<!ENTITY a0 "lol">${Array.from({ length: 9 }, (_, i) =>
    `<!ENTITY a${i + 1} "${`&a${i};`.repeat(10)}">`).join('')}]>`).replace('</', '&a9;</')],
  ['an entity from a file', (xml) => xml.replace(/^(<\?xml.*?\?>)?/, (head) => `${head}<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>`).replace('</', '&f;</')],
  ['100000 levels', (xml) => `${'<a>'.repeat(100_000)}${xml}${'</a>'.repeat(100_000)}`],
  ['a name of 900 KB', (xml) => xml.replace('</', `<${'a'.repeat(900_000)}/></`)],
  ['100000 attributes', (xml) => xml.replace('</', `<a ${Array.from({ length: 60_000 }, (_, i) => `a${i}="" `).join('')}/></`)],
]
