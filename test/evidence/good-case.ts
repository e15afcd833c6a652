import { generateKeyPairSync } from 'node:crypto'
import { CHECKS, verifyEvidence } from '../../src/evidence/verify-evidence.ts'
import { parseTrustAnchors } from '../../src/evidence/trust-anchors.ts'
import type { EvidenceInput, EvidenceResult, RequestedKey } from '../../src/evidence/evidence.ts'
import { attestationXml, describeKey, type AttestationOverrides, type AttestationTimes, type KeyFlags } from '../../src/simulator/attestation-xml.ts'
import type { Certified } from '../../src/simulator/certificates.ts'
import { createCsr, csrPem, type CsrContent } from '../../src/simulator/csr.ts'
import { CHAIN_FILE, exportFiles, zipFiles, type FileNaming } from '../../src/simulator/export-zip.ts'
import { createPki, signAttestation, type KeyPair, type Pki } from '../../src/simulator/pki.ts'

/** Small keys: each test file makes its own hierarchy once. */
export const pki = await createPki({ deviceSerial: '12345678', bits: { root: 2048, device: 2048, leaf: 2048 } })
export const keys: KeyPair = generateKeyPairSync('rsa', { modulusLength: 2048 })

export const LABEL = 'qtsp-seal-01'
export const subject = {
  commonName: 'Acme Seal', country: 'CH', organizationName: 'Acme Ltd', organizationIdentifier: 'NTRCH-CHE-464.234.583', locality: 'Zürich',
  email: 'seal@acme.example',
}
export const times: AttestationTimes = { created: new Date('2026-03-24T10:00:01Z'), attested: new Date('2026-03-24T10:00:03Z') }
export const window = { from: new Date('2026-03-24T10:00:00.500Z'), to: new Date('2026-03-24T10:00:04.200Z'), clockSkewSeconds: 5 }
export const verifiedAt = new Date('2026-03-24T10:00:05Z')
export const README = 'README_PrimusHSM_AuditAndAttestation_AN-E01.md'

/** What to do otherwise than in the good case; each field touches one thing. */
export interface Change {
  readonly pki?: Pki
  /** Certificates of the chain file, in its order. */
  readonly chain?: readonly Certified[]
  readonly keys?: KeyPair
  readonly xml?: AttestationOverrides
  readonly flags?: Partial<KeyFlags>
  readonly times?: Partial<AttestationTimes>
  readonly useCount?: number
  /** Before it is signed: what a lying HSM, or a second format version, would say. */
  readonly xmlText?: (text: string) => string
  /** After it is signed. */
  readonly files?: (files: Map<string, Uint8Array>) => void
  readonly fileNaming?: FileNaming
  readonly zip?: (zip: Buffer, files: Map<string, Uint8Array>) => Uint8Array | Promise<Uint8Array>
  readonly csr?: Partial<CsrContent>
  readonly csrText?: (pem: string) => string
  readonly request?: Partial<RequestedKey>
  readonly input?: Partial<EvidenceInput>
}

/** Everything the service has in hand after a flawless transaction, except for one change. */
export async function makeCase(change: Change = {}): Promise<EvidenceInput> {
  const hierarchy = change.pki ?? pki
  const signing = change.keys ?? keys
  const xml = attestationXml(
    { label: LABEL, publicKey: signing.publicKey, useCount: change.useCount ?? 1, ...(change.flags && { flags: change.flags }) },
    { ...times, ...change.times }, change.xml)
  const xmlBytes = Buffer.from(change.xmlText ? change.xmlText(xml) : xml, 'utf8')
  const files = exportFiles({
    label: LABEL, xml: xmlBytes, signature: signAttestation(hierarchy, xmlBytes), pki: hierarchy, ...(change.fileNaming && { fileNaming: change.fileNaming }),
  })
  if (change.chain) files.set(CHAIN_FILE, Buffer.from(change.chain.map(({ pem }) => pem).join('')))
  change.files?.(files)
  const plainZip = await zipFiles(files)
  const pem = csrPem(createCsr({ subject, ...signing, keyUsage: ['CONTENT_COMMITMENT'], ...change.csr }))
  const { algorithm, keySize, curveOid } = describeKey(signing.publicKey)
  return {
    attestationExport: change.zip ? await change.zip(plainZip, files) : plainZip,
    csr: change.csrText ? change.csrText(pem) : pem,
    createdPublicKey: signing.publicKey.export({ type: 'spki', format: 'der' }),
    request: {
      label: LABEL, algorithm, ...(keySize !== undefined && { keySize }), ...(curveOid !== undefined && { curveOid }),
      modifiable: false, decrypt: false, unwrap: false, derive: false, subject, keyUsage: ['CONTENT_COMMITMENT'], extendedKeyUsage: [], ...change.request,
    },
    trustAnchors: parseTrustAnchors(hierarchy.root.pem, { builtIn: false }),
    verifiedAt,
    window,
    ...change.input,
  }
}

export async function verifyCase(change: Change = {}): Promise<EvidenceResult> {
  return verifyEvidence(await makeCase(change))
}

export const ALL_IDS = CHECKS.map(({ id }) => id)

export function idsWith(result: EvidenceResult, outcome: string): string[] {
  return result.report.checks.filter((check) => check.outcome === outcome).map(({ id }) => id)
}
