import type { Order } from '../transaction/order.ts'

type Kind = Pick<Order['key'], 'algorithm' | 'keySize' | 'curveOid'> & { readonly signatureAlgorithm: string }

/** The kinds of key that can be tried. The first is what a caller gets who names none. */
export const KEY_KINDS = {
  'rsa-4096': { algorithm: 'RSA', keySize: 4096, signatureAlgorithm: 'SHA256_WITH_RSA' },
  'rsa-3072': { algorithm: 'RSA', keySize: 3072, signatureAlgorithm: 'SHA256_WITH_RSA' },
  'rsa-2048': { algorithm: 'RSA', keySize: 2048, signatureAlgorithm: 'SHA256_WITH_RSA' },
  'p-256': { algorithm: 'EC', curveOid: '1.2.840.10045.3.1.7', signatureAlgorithm: 'SHA256_WITH_ECDSA' },
  'p-384': { algorithm: 'EC', curveOid: '1.3.132.0.34', signatureAlgorithm: 'SHA384_WITH_ECDSA' },
  ed25519: { algorithm: 'ED', curveOid: '1.3.101.112', signatureAlgorithm: 'EDDSA' },
} as const satisfies Readonly<Record<string, Kind>>
export type KeyKind = keyof typeof KEY_KINDS

/**
 * The order of the throw-away bundle: as a caller's that leaves everything to the defaults. Its key has no password, so that an operator can
 * delete it by its label alone if this process is killed.
 * @param prefix of the label
 */
export function trialOrder(prefix: string, kind: KeyKind): Order {
  const { signatureAlgorithm, ...key } = KEY_KINDS[kind]
  return {
    label: { kind: 'prefix', value: prefix },
    key: {
      ...key,
      attributes: { sign: true, extractable: false, modifiable: false, destroyable: true, sensitive: true, copyable: false, decrypt: false, unwrap: false, derive: false },
    },
    csr: {
      signatureAlgorithm,
      validity: 365,
      standardCertificateAttributes: { commonName: 'Throw-away key of a test', organizationName: 'Not to be certified', country: 'CH' },
      keyUsage: ['DIGITAL_SIGNATURE'],
    },
    profile: 'tsb-default',
  }
}
