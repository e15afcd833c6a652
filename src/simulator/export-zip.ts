import type { KeyObject } from 'node:crypto'
import JSZip from 'jszip'
import type { Pki } from './pki.ts'

/** The two names under which the vendor documents the public key file (contract 4.1). */
export type FileNaming = 'tutorial' | 'label'

/** The files of an export, by name, in order. */
export type ExportFiles = ReadonlyMap<string, Uint8Array>

export interface ExportContent {
  readonly label: string
  readonly xml: Uint8Array
  readonly signature: Uint8Array
  readonly pki: Pick<Pki, 'leaf' | 'device' | 'root'>
  /** `tutorial` (PrimusHSM_Attestation_PublicKey.pem) by default; `label` is `<label>.pem`. */
  readonly fileNaming?: FileNaming
  /** Whether the chain file ends with the root; not by default. */
  readonly rootInChain?: boolean
}

export const CHAIN_FILE = 'PrimusHSM_Attestation.crt'
export const PUBLIC_KEY_FILE = 'PrimusHSM_Attestation_PublicKey.pem'
export const README_FILE = 'README_PrimusHSM_AuditAndAttestation_AN-E01.md'

const readme = `# Made by the TSB simulator

These files were not made by an HSM. They have the form of a key attestation export, under a root that the simulator made for itself.
`

const publicKeyPem = (key: KeyObject): Buffer => Buffer.from(key.export({ type: 'spki', format: 'pem' }))

/** Gathers the five files of the vendor's export (contract 4.1, 4.2): raw signature, leaf first in the chain file. */
export function exportFiles(content: ExportContent): Map<string, Uint8Array> {
  const { label, pki } = content
  const chain = [pki.leaf, pki.device, ...(content.rootInChain === true ? [pki.root] : [])]
  return new Map<string, Uint8Array>([
    [`${label}.xml`, content.xml],
    [`${label}.sig`, content.signature],
    [content.fileNaming === 'label' ? `${label}.pem` : PUBLIC_KEY_FILE, publicKeyPem(pki.leaf.publicKey)],
    [CHAIN_FILE, Buffer.from(chain.map((certificate) => certificate.pem).join(''))],
    [README_FILE, Buffer.from(readme)],
  ])
}

/** Zips files as they are: no folders added, no names checked. */
export async function zipFiles(files: ExportFiles): Promise<Buffer> {
  const zip = new JSZip()
  for (const [name, bytes] of files) zip.file(name, bytes, { createFolders: false })
  return zip.generateAsync({ type: 'nodebuffer', compression: 'DEFLATE' })
}

/** The whole export of one key as a zip. */
export const exportZip = (content: ExportContent): Promise<Buffer> => zipFiles(exportFiles(content))
