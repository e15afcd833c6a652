/** Whom every CSR of the bench names: one subject, so that the upstream can sign its CSRs beforehand. */
export const SUBJECT = { commonName: 'Example Seal', organizationName: 'Example AG', locality: 'Zurich', country: 'CH' } as const

/** The TSB's body of create-key, as the service would send it. */
export const keyBody = (label: string, keySize: number): Record<string, unknown> => ({
  label, algorithm: 'RSA', keySize,
  attributes: { sign: true, extractable: false, sensitive: true, copyable: false, modifiable: false, destroyable: true, decrypt: false, unwrap: false, derive: false },
})

const csr = { signatureAlgorithm: 'SHA256_WITH_RSA', validity: 365, standardCertificateAttributes: SUBJECT, keyUsage: ['DIGITAL_SIGNATURE'] } as const

/** The TSB's body of the CSR call, as the service would send it. */
export const csrBody = (label: string): Record<string, unknown> => ({ signKeyName: label, ...csr })

/** What a caller of the service sends, as README.md recommends: a prefix in place of a label. */
export const orderBody = (keySize: number): Record<string, unknown> => ({ key: { labelPrefix: 'bench', algorithm: 'RSA', keySize }, csr })
