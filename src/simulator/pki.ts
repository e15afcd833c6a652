import { generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { certificatePem, issueCertificate, type Certified, type CertificateContent, type Issuer } from './certificates.ts'
import { basicConstraints, certificatePolicies, keyUsage } from './extensions.ts'
import { nameOf, type Name } from './names.ts'
import { signBytes } from './signatures.ts'

const generate = promisify(generateKeyPair)

export type AttestationKey = 'rsa' | 'rsa-pss' | 'ec'

export interface PkiOptions {
  /** `rsa` signs PKCS#1 v1.5, `rsa-pss` signs PSS with the same kind of certificate, `ec` is P-256 and signs ECDSA; all with SHA-256. */
  readonly attestationKey?: AttestationKey
  /** Keys of root and device; `ec` is P-384. */
  readonly caKey?: 'rsa' | 'ec'
  /** RSA sizes; the defaults are those of the vendor's hierarchy. Tests ask for small ones. */
  readonly bits?: { readonly root?: number; readonly device?: number; readonly leaf?: number }
  /** CN of the leaf, which is the TSB's `hsm.attestationKeyName`. */
  readonly attestationKeyName?: string
  /** Eight digits in the device certificate's name. */
  readonly deviceSerial?: string
  readonly notBefore?: Date
  readonly notAfter?: Date
}

export interface Pki {
  readonly root: Certified
  readonly device: Certified
  readonly leaf: Certified
  readonly attestationKey: AttestationKey
  readonly attestationKeyName: string
}

/** Certificate policies of the vendor's root and device certificates. */
export const ROOT_POLICY = '1.3.6.1.4.1.44668.4.1.1'
export const DEVICE_POLICY = '1.3.6.1.4.1.44668.4.1.3'

/** A name in the vendor's order. O says that this is a simulator, so that nobody takes it for a vendor's. */
export const vendorName = (commonName: string): Name =>
  nameOf(['CN', commonName], ['C', 'CH'], ['L', 'Zurich'], ['O', 'TSB simulator'], ['ST', 'ZH'])

/** The extensions that the vendor's certificates have at each level; no SKI and no AKI anywhere. */
export const vendorExtensions = {
  root: [keyUsage('CONTENT_COMMITMENT', 'KEY_CERT_SIGN', 'CRL_SIGN'), basicConstraints(true, 1), certificatePolicies(ROOT_POLICY)],
  device: [keyUsage('CONTENT_COMMITMENT', 'KEY_CERT_SIGN', 'CRL_SIGN'), basicConstraints(true, 0), certificatePolicies(DEVICE_POLICY)],
  leaf: [keyUsage('DIGITAL_SIGNATURE', 'CONTENT_COMMITMENT'), basicConstraints(false)],
} as const

/** Like the vendor's: one end for all levels, decades away. */
export const defaultValidity = { notBefore: new Date('2024-08-21T12:00:00Z'), notAfter: new Date('2054-08-14T12:00:00Z') } as const

export interface KeyPair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

/** Makes an RSA key pair off the main thread. */
export const rsaKeys = (bits: number): Promise<KeyPair> => generate('rsa', { modulusLength: bits })

/** Makes an EC key pair off the main thread; `curve` by OpenSSL's name. */
export const ecKeys = (curve = 'prime256v1'): Promise<KeyPair> => generate('ec', { namedCurve: curve, paramEncoding: 'named' })

/**
 * Issues a certificate for keys and keeps the keys beside it.
 * @param issuer Leave out for a self-signed certificate.
 */
export function certify(
  keys: KeyPair,
  content: Omit<CertificateContent, 'publicKey' | 'issuer' | 'notBefore' | 'notAfter'> & Partial<Pick<CertificateContent, 'notBefore' | 'notAfter'>>,
  issuer?: Issuer,
): Certified {
  const signer = issuer ?? { subject: content.subject, privateKey: keys.privateKey }
  const der = issueCertificate({ ...defaultValidity, ...content, publicKey: keys.publicKey, issuer: signer })
  return { subject: content.subject, publicKey: keys.publicKey, privateKey: keys.privateKey, der, pem: certificatePem(der) }
}

/**
 * Makes a hierarchy of its own in the vendor's form: root, device and attestation key (contract 4.3), all keys new.
 */
export async function createPki(options: PkiOptions = {}): Promise<Pki> {
  const attestationKey = options.attestationKey ?? 'rsa'
  const attestationKeyName = options.attestationKeyName ?? 'attestation-key'
  const caKeys = (bits: number): Promise<KeyPair> => options.caKey === 'ec' ? ecKeys('secp384r1') : rsaKeys(bits)
  const [rootKeys, deviceKeys, leafKeys] = await Promise.all([
    caKeys(options.bits?.root ?? 4096),
    caKeys(options.bits?.device ?? 3072),
    attestationKey === 'ec' ? ecKeys() : rsaKeys(options.bits?.leaf ?? 3072),
  ])
  const validity = { notBefore: options.notBefore ?? defaultValidity.notBefore, notAfter: options.notAfter ?? defaultValidity.notAfter }
  const root = certify(rootKeys, { ...validity, subject: vendorName('PRIMUS_HSM_ROOTKEY'), extensions: vendorExtensions.root })
  const deviceName = vendorName(`PRIMUS HSM KEY (SN: ${options.deviceSerial ?? '00000000'})`)
  const device = certify(deviceKeys, { ...validity, subject: deviceName, extensions: vendorExtensions.device }, root)
  const leaf = certify(leafKeys, { ...validity, subject: vendorName(attestationKeyName), extensions: vendorExtensions.leaf }, device)
  return { root, device, leaf, attestationKey, attestationKeyName }
}

/**
 * Signs an attestation with the leaf's key, in the way that the hierarchy was made for (contract 4.4).
 * @param xml The exact bytes of the XML.
 * @returns The raw signature, as it stands in the `.sig` file.
 */
export const signAttestation = (pki: Pick<Pki, 'leaf' | 'attestationKey'>, xml: Uint8Array): Buffer =>
  signBytes(({ rsa: 'SHA256_WITH_RSA', 'rsa-pss': 'SHA256_WITH_RSA_PSS', ec: 'SHA256_WITH_ECDSA' } as const)[pki.attestationKey], xml, pki.leaf.privateKey)
