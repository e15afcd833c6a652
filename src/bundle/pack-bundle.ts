import { createHash } from 'node:crypto'
import JSZip from 'jszip'
import type { BundleContent, BundleFile } from './bundle-content.ts'
import { json } from './json.ts'
import { manifestOf } from './manifest.ts'
import { NOT_PROVEN } from './not-proven.ts'
import { pemOfCsr } from './pem.ts'
import { reportPage } from './report-page.ts'
import { VERIFY_SCRIPT, VERIFY_SCRIPT_SHA256 } from './verify-script.ts'

export interface PackedBundle {
  readonly fileName: string
  readonly bytes: Buffer
  /** SHA-256 over `bytes`, lower-case hex. */
  readonly sha256: string
}

/** The first moment that a zip can hold (APPNOTE 4.4.6): the same evidence must give the same bytes, whenever and wherever it is packed. */
const ZIP_EPOCH = new Date(Date.UTC(1980, 0, 1))

/**
 * Packs a verified bundle: flat, under the names that the vendor's openssl commands use, so that those run in the unpacked folder as they
 * stand. Deterministic: fixed order, fixed dates, no compression (its output depends on the zlib version), no host or path.
 * @param content verified files and their report; a report that did not pass is refused
 * @returns the zip, its file name and its SHA-256
 * @throws Error where the verdict is not `passed`
 */
export async function packBundle(content: BundleContent): Promise<PackedBundle> {
  if (content.report.verdict !== 'passed') throw new Error('only evidence that passed is packed')
  const files = bundleFiles(content)
  const zip = new JSZip()
  for (const { name, bytes } of [...files, manifestOf(content, files)]) {
    zip.file(name, bytes, { date: ZIP_EPOCH, createFolders: false, binary: true, unixPermissions: 0o100644 })
  }
  const bytes = await zip.generateAsync({ type: 'nodebuffer', compression: 'STORE', platform: 'UNIX' })
  return { fileName: `${content.label}-attestation-bundle.zip`, bytes, sha256: createHash('sha256').update(bytes).digest('hex') }
}

/** The files of a bundle but for the manifest, in the order in which a registration officer opens them. */
function bundleFiles(content: BundleContent): BundleFile[] {
  const { label, files, report, profile: { name, title, comparedOn } } = content
  const notProven = NOT_PROVEN.map(({ claim }) => claim)
  return [
    { name: `${label}.csr`, bytes: Buffer.from(pemOfCsr(files.csrDer)) },
    { name: `${label}.xml`, bytes: files.xml },
    { name: `${label}.sig`, bytes: files.signature },
    { name: 'PrimusHSM_Attestation.crt', bytes: files.certificates },
    { name: 'PrimusHSM_Attestation_PublicKey.pem', bytes: files.publicKey },
    ...(files.readme === undefined ? [] : [files.readme]),
    { name: 'verification-report.json', bytes: json({ schemaVersion: 1, profile: { name, title, comparedOn }, ...report, notProven }) },
    { name: 'verification-report.html', bytes: Buffer.from(reportPage(content, { verifyScriptSha256: VERIFY_SCRIPT_SHA256 })) },
    VERIFY_SCRIPT,
  ]
}
