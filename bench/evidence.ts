import { sign } from 'node:crypto'
import { attestationXml, describeKey, hsmTime, publicKeyBase64, signingKeyFlags } from '../src/simulator/attestation-xml.ts'
import { createCsr, csrPem } from '../src/simulator/csr.ts'
import { CHAIN_FILE, exportFiles } from '../src/simulator/export-zip.ts'
import { createPki, rsaKeys, type KeyPair } from '../src/simulator/pki.ts'
import { SUBJECT } from './order.ts'
import { deflated, stored, zipOf, type PackedFile } from './stored-zip.ts'

/** What the upstream answers, all of it made beforehand but for what must differ from key to key. */
export interface Evidence {
  readonly rootPem: string
  /** The answer of create-key. */
  createdKey(label: string): Record<string, unknown>
  /** The CSR as the TSB armours it. */
  csr(label: string): string
  /** The export, attested now. */
  exportZip(label: string): Buffer
}

/** `small`: quick to make, for a test. Otherwise sizes as the vendor's, but for the attestation key, which is EC so that signing costs little. */
export type EvidenceSize = 'small' | 'vendor'

export const KEY_SIZE: Readonly<Record<EvidenceSize, number>> = { small: 2048, vendor: 3072 }
/** Several, so that nothing on the way can take one key for all of them. */
const KEYS: Readonly<Record<EvidenceSize, number>> = { small: 1, vendor: 4 }

const LABEL = '{label}'
/** Stand in the prepared XML where the times go. */
const CREATED = new Date(0)
const ATTESTED = new Date(1_000)

interface PreparedKey {
  readonly csr: string
  readonly xml: string
  readonly json: Readonly<Record<string, unknown>>
}

/** Makes a hierarchy and keys. Takes seconds, which the searches for primes take. */
export async function prepareEvidence(size: EvidenceSize): Promise<Evidence> {
  const [pki, ...pairs] = await Promise.all([
    createPki({ attestationKey: 'ec', caKey: size === 'small' ? 'ec' : 'rsa' }),
    ...Array.from({ length: KEYS[size] }, () => rsaKeys(KEY_SIZE[size])),
  ])
  const keys = pairs.map(prepareKey)
  const keyOf = (label: string): PreparedKey => keys[label.charCodeAt(label.length - 1) % keys.length]!
  const attest = (label: string): { xml: Buffer; signature: Buffer } => {
    const now = hsmTime(new Date())
    const xml = Buffer.from(keyOf(label).xml.replace(LABEL, label).replace(hsmTime(CREATED), now).replace(hsmTime(ATTESTED), now))
    return { xml, signature: sign('sha256', xml, pki.leaf.privateKey) }
  }
  const fixed = [...exportFiles({ label: '', xml: Buffer.alloc(0), signature: Buffer.alloc(0), pki })]
    .filter(([name]) => name !== '.xml' && name !== '.sig')
    .map(([name, bytes]): PackedFile => deflated(name, bytes))
  if (!fixed.some(({ name }) => name.equals(Buffer.from(CHAIN_FILE)))) throw new Error('the export has no chain')

  return {
    rootPem: pki.root.pem,
    createdKey(label) {
      const { xml, signature } = attest(label)
      const now = hsmTime(new Date())
      return {
        json: { ...keyOf(label).json, label, createTime: now, attestTime: now },
        xml: xml.toString(), xmlSignature: signature.toString('base64'), attestationKeyName: pki.attestationKeyName,
      }
    },
    csr: (label) => keyOf(label).csr,
    exportZip(label) {
      const { xml, signature } = attest(label)
      return zipOf([stored(`${label}.xml`, xml), stored(`${label}.sig`, signature), ...fixed])
    },
  }
}

function prepareKey({ publicKey, privateKey }: KeyPair): PreparedKey {
  const { algorithm, algorithmOid, keySize } = describeKey(publicKey)
  const { unique: _onlyInXml, ...flags } = signingKeyFlags
  return {
    csr: csrPem(createCsr({ subject: SUBJECT, publicKey, privateKey, keyUsage: ['DIGITAL_SIGNATURE'] })),
    xml: attestationXml({ label: LABEL, publicKey }, { created: CREATED, attested: ATTESTED }),
    json: {
      id: null, uuid: null, algorithm, algorithmOid, curveOid: null, derivedAttributes: null, keySize, keyUsageCount: 0, publicKey: publicKeyBase64(publicKey),
      addressTruncated: null, attributes: { ...flags, ekaSign: null }, policy: null,
    },
  }
}
