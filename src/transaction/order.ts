import type { CertificateFacts } from '../evidence/certificate-facts.ts'
import type { RequestedKey, SubjectField } from '../evidence/evidence.ts'
import type { ProfileName } from '../profiles/profiles.ts'
import type { CertificateRequestBody } from '../tsb/certificate-request.ts'
import type { CreateKeyBody } from '../tsb/create-key.ts'

/** A valid request, in the TSB's terms: what will be sent, but for the label, which may hold the transaction's id. */
export interface Order {
  /** `prefix`: the label is the prefix, a hyphen and the transaction's id, so it is fresh and provably ours. */
  readonly label: { readonly kind: 'exact' | 'prefix'; readonly value: string }
  readonly password?: readonly string[]
  readonly key: Omit<CreateKeyBody, 'label' | 'password'>
  readonly csr: Omit<CertificateRequestBody, 'signKeyName' | 'keyPassword'>
  readonly profile: ProfileName
}

/** @returns the label that the key of this order gets in the transaction `id` */
export function labelOf(order: Order, id: string): string {
  return order.label.kind === 'exact' ? order.label.value : `${order.label.value}-${id}`
}

/** @returns the body of `POST /v1/key`, its members in the order of the vendor's example */
export function createKeyBody({ key, password }: Order, label: string): CreateKeyBody {
  return { label, ...(password !== undefined && { password }), ...key }
}

/** @returns the body of the CSR call */
export function certificateRequestBody({ csr, password }: Order, label: string): CertificateRequestBody {
  return { signKeyName: label, ...(password !== undefined && { keyPassword: password }), ...csr }
}

/** @returns what the evidence has to confirm */
export function requestedKey({ key, csr }: Order, label: string): RequestedKey {
  const { modifiable, decrypt, unwrap, derive } = key.attributes
  return {
    label,
    algorithm: key.algorithm,
    ...(key.keySize !== undefined && { keySize: key.keySize }),
    ...(key.curveOid !== undefined && { curveOid: key.curveOid }),
    modifiable, decrypt, unwrap, derive,
    subject: csr.standardCertificateAttributes,
    keyUsage: csr.keyUsage ?? [],
    extendedKeyUsage: csr.extendedKeyUsage ?? [],
  }
}

/** @returns what this order would have certified, for rules that are held against it before anything is sent */
export function orderedFacts({ key, csr }: Order): CertificateFacts {
  const { modifiable, decrypt, unwrap, derive } = key.attributes
  const named = Object.entries(csr.standardCertificateAttributes) as [SubjectField, string][]
  return {
    algorithm: key.algorithm,
    ...(key.keySize !== undefined && { rsaBits: key.keySize }),
    ...(key.curveOid !== undefined && { curveOid: key.curveOid }),
    keyAttributes: { modifiable, decrypt, unwrap, derive },
    subject: Object.fromEntries(named.map(([field, value]) => [field, [value]])),
    furtherSubjectOids: [],
    keyUsage: csr.keyUsage ?? [],
    extendedKeyUsage: csr.extendedKeyUsage ?? [],
  }
}
