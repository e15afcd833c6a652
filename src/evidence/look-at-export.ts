import { kindOf } from './archive-checks.ts'
import { readArchive } from './archive.ts'
import { isIssuedBy, readCertificate, type Certificate } from './certificate.ts'
import { readDer } from './der.ts'
import { describeName, readName } from './distinguished-name.ts'
import { readPem, withoutRemarks } from './pem.ts'
import { clean, utf8 } from './text.ts'

/** What stands in an export. Nothing of it is verified: it tells an operator what came, and must never become an anchor by itself. */
export interface UntrustedExport {
  /** Names and kinds in the order of the zip. */
  readonly files: readonly { readonly name: string; readonly kind: string }[]
  /** The certificates that no other one of the file issued: the end of the chain as it came. */
  readonly tops: readonly UntrustedCertificate[]
}

export interface UntrustedCertificate {
  readonly name: string
  readonly issuer: string
  /** SHA-256 over the DER, lower-case hex. */
  readonly sha256: string
  /** It is its own issuer, as a root is. */
  readonly selfSigned: boolean
}

/** As many as the checks read at most. */
const MOST_CERTIFICATES = 4

/**
 * Looks into an export without judging it.
 * @param zip the export as it came
 * @returns the reason as the end of a sentence ("the zip …") where it can't be read
 */
export async function lookAtExport(zip: Uint8Array): Promise<UntrustedExport | string> {
  const archive = await readArchive(zip)
  if ('refused' in archive) return archive.refused
  const kinds = archive.files.map((file) => ({ file, kind: kindOf(file) }))
  const [first] = kinds.filter(({ kind }) => kind === 'certificates')
  return {
    files: kinds.map(({ file, kind }) => ({ name: clean(file.name), kind })),
    tops: first === undefined ? [] : topsOf(first.file.bytes),
  }
}

function topsOf(file: Uint8Array): UntrustedCertificate[] {
  const blocks = readPem(withoutRemarks(utf8(file) ?? ''), MOST_CERTIFICATES) ?? []
  const given = blocks.map(({ der }) => readCertificate(der)).filter((certificate) => certificate !== undefined)
  return given.filter((candidate) => !given.some((other) => other.sha256 !== candidate.sha256 && isIssuedBy(candidate, other))).map((top) => ({
    name: clean(describeName(top.subjectAttributes)), issuer: clean(issuerOf(top)), sha256: top.sha256, selfSigned: isIssuedBy(top, top),
  }))
}

const issuerOf = ({ issuer }: Certificate): string => describeName(readName(readDer(issuer)) ?? [])
