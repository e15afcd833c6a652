import { readArchive } from './archive.ts'
import type { ArchiveFile } from './archive.ts'
import { check, failed, passed, warning } from './check.ts'
import type { EvidenceFiles, Finding } from './check.ts'
import { clean, utf8 } from './text.ts'

export type Kind = 'xml' | 'signature' | 'certificates' | 'publicKey' | 'readme' | 'csr' | 'other'

const REQUIRED = { xml: 'attestation (XML)', signature: 'signature', certificates: 'certificate file', publicKey: 'public key file' } as const

/** What a bundle of this service has beside the export's files. They are reports and scripts: nothing here believes them. */
const BUNDLE_FILES = ['manifest.json', 'verification-report.json', 'verification-report.html', 'verify.sh']

export const archiveReadable = check('archive.readable', [], async (_known, { attestationExport }) => {
  const archive = await readArchive(attestationExport)
  if ('refused' in archive) return failed(`Expected a plain zip of a few small files; this zip ${archive.refused}.`)
  return passed(`The zip is sound and has ${archive.files.length} files.`, { vouched: { archive: archive.files } })
})

export const archiveComplete = check('archive.complete', ['archive'], ({ archive }, { csr }) => {
  const isBundle = csr === undefined
  const ofKind = new Map<Kind, ArchiveFile[]>()
  const expected = archive.filter(({ name }) => !(isBundle && BUNDLE_FILES.includes(name)))
  for (const file of expected) ofKind.set(kindOf(file), [...ofKind.get(kindOf(file)) ?? [], file])
  const required = isBundle ? { ...REQUIRED, csr: 'certificate request' } : REQUIRED
  const wrong = Object.entries(required).filter(([kind]) => ofKind.get(kind as Kind)?.length !== 1)
    .map(([kind, name]) => `${ofKind.get(kind as Kind)?.length ?? 0} of the kind "${name}"`)
  if (wrong.length > 0) return failed(`Expected exactly one file of each kind; the zip has ${wrong.join(', ')}.`)
  const csrFile = isBundle ? ofKind.get('csr')![0]! : undefined
  const readmes = ofKind.get('readme') ?? []
  const files: EvidenceFiles = {
    xml: ofKind.get('xml')![0]!,
    signature: ofKind.get('signature')![0]!,
    certificates: ofKind.get('certificates')![0]!,
    publicKey: ofKind.get('publicKey')![0]!,
    ...(readmes.length === 1 && { readme: readmes[0]! }),
    ...(csrFile && { csr: csrFile }),
  }
  // A CSR that is not even text becomes an empty one: csr.well-formed says so.
  const vouched = { files, ...(csrFile && { csrText: utf8(csrFile.bytes) ?? '' }) }
  return judgeExtras([...ofKind.get('other') ?? [], ...(isBundle ? [] : ofKind.get('csr') ?? []), ...(readmes.length > 1 ? readmes : [])], vouched)
})

function judgeExtras(extras: ArchiveFile[], vouched: NonNullable<Finding['vouched']>): Finding {
  if (extras.length === 0) return passed('The zip has one attestation, one signature, one certificate file and one public key file.', { vouched })
  const names = extras.slice(0, 3).map(({ name }) => clean(name)).join(', ')
  return warning(`The zip has ${extras.length} file(s) that do not belong to an attestation and are not passed on: ${names}.`, { vouched })
}

/** By name where the vendor's names are fixed, by content where they differ between versions (release note 1.17.0, KeyAttestation.md). */
export function kindOf({ name, bytes }: ArchiveFile): Kind {
  const lower = name.toLowerCase()
  // Only a name that is harmless everywhere is passed on.
  if (lower.endsWith('.md')) return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) ? 'readme' : 'other'
  if (lower.endsWith('.sig')) return 'signature'
  if (lower.endsWith('.xml')) return 'xml'
  if (lower.endsWith('.csr')) return 'csr'
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  if (/^\s*<(\?xml|private_key)\b/.test(text)) return 'xml'
  if (text.includes('-----BEGIN CERTIFICATE-----')) return 'certificates'
  return text.includes('-----BEGIN PUBLIC KEY-----') ? 'publicKey' : 'other'
}
