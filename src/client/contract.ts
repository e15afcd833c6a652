// Written by npm run openapi from the schemas of the service; a test compares the two, and the compiler holds these types against theirs.

export interface OrderBody {
  /** the TSB's create-key body; exactly one of label and labelPrefix */
  key: {
    /** 2 to 128 letters, digits, dots, hyphens and underscores, the first and the last a letter or digit; it becomes a file name */
    label?: string
    /** 1 to 91 letters, digits, dots, hyphens and underscores, the first a letter or digit; a hyphen and the transaction's id follow */
    labelPrefix?: string
    /** the key's password: 1 to 128 printable ASCII characters, as a string or as the TSB's array of single characters; null or left out for none */
    password?: string | string[] | null
    algorithm?: 'RSA' | 'EC' | 'ED'
    /** RSA only, in bits */
    keySize?: 2048 | 3072 | 4096 | 8192
    /** a dotted object identifier; required for EC and ED, and only there */
    curveOid?: string
    /** key attributes in the TSB's names; what is left out is sent with the default shown */
    attributes?: {
      /** must be true */
      sign?: boolean
      /** must be false */
      extractable?: boolean
      /** must be true */
      sensitive?: boolean
      /** must be false */
      copyable?: boolean
      /** whether key attributes can be hardened later */
      modifiable?: boolean
      /** must be true: a key that cannot be destroyed cannot be rolled back */
      destroyable?: boolean
      /** a key for a qualified certificate has one purpose */
      decrypt?: boolean
      /** a key for a qualified certificate has one purpose */
      unwrap?: boolean
      /** a key for a qualified certificate has one purpose */
      derive?: boolean
    }
    /** reserved for approval policies; only null for now */
    policy?: null
  }
  /** the TSB's CSR body */
  csr: {
    /** accepted only where it equals key.label */
    signKeyName?: string
    /** accepted only where it equals key.password; null is no password */
    keyPassword?: string | string[] | null
    /** default: what suits the key */
    signatureAlgorithm?: 'SHA224_WITH_RSA' | 'SHA256_WITH_RSA' | 'SHA384_WITH_RSA' | 'SHA512_WITH_RSA' | 'SHA256_WITH_ECDSA' | 'SHA384_WITH_ECDSA' | 'SHA512_WITH_ECDSA' | 'EDDSA'
    /** days; the TSB asks for it, a CSR does not carry it */
    validity?: number
    /** the subject, in the TSB's names; pseudonym is refused because the TSB drops it silently */
    standardCertificateAttributes: {
      /** commonName: 1 to 200 characters, none of , + = " \ < > ; # and no control characters, no blank at either end */
      commonName: string
      /** two capital letters (ISO 3166-1) */
      country?: string
      /** stateOrProvinceName: 1 to 200 characters, none of , + = " \ < > ; # and no control characters, no blank at either end */
      stateOrProvinceName?: string
      /** locality: 1 to 200 characters, none of , + = " \ < > ; # and no control characters, no blank at either end */
      locality?: string
      /** organizationName: 1 to 200 characters, none of , + = " \ < > ; # and no control characters, no blank at either end */
      organizationName?: string
      /** organizationIdentifier: 1 to 200 characters, none of , + = " \ < > ; # and no control characters, no blank at either end */
      organizationIdentifier?: string
      /** organizationUnitName: 1 to 200 characters, none of , + = " \ < > ; # and no control characters, no blank at either end */
      organizationUnitName?: string
      /** an e-mail address in ASCII, none of , + = " \ < > ; # */
      email?: string
      /** title: 1 to 200 characters, none of , + = " \ < > ; # and no control characters, no blank at either end */
      title?: string
      /** surname: 1 to 200 characters, none of , + = " \ < > ; # and no control characters, no blank at either end */
      surname?: string
      /** givenName: 1 to 200 characters, none of , + = " \ < > ; # and no control characters, no blank at either end */
      givenName?: string
      /** initials: 1 to 200 characters, none of , + = " \ < > ; # and no control characters, no blank at either end */
      initials?: string
      /** generationQualifier: 1 to 200 characters, none of , + = " \ < > ; # and no control characters, no blank at either end */
      generationQualifier?: string
    }
    keyUsage?: ('DIGITAL_SIGNATURE' | 'CONTENT_COMMITMENT' | 'KEY_ENCIPHERMENT' | 'DATA_ENCIPHERMENT' | 'KEY_AGREEMENT' | 'KEY_CERT_SIGN' | 'CRL_SIGN' | 'ENCIPHER_ONLY' | 'DECIPHER_ONLY')[]
    /** the TSB marks it critical, which several CAs refuse */
    extendedKeyUsage?: ('ANY_EXTENDED_KEY_USAGE' | 'SERVER_AUTH' | 'CLIENT_AUTH' | 'CODE_SIGNING' | 'EMAIL_PROTECTION' | 'TIME_STAMPING' | 'OCSP_SIGNING')[]
  }
  /** which rules the request and the evidence are held against; default: DEFAULT_PROFILE */
  profile?: 'code-signing' | 'd-trust-psd2' | 'digicert-eu-eseal' | 'psd2-qseal' | 'qualified-seal' | 'qualified-signature' | 'tsb-default'
}

export interface TransactionView {
  id: string
  status: 'in-progress' | 'completed' | 'rolling-back' | 'rolled-back' | 'rollback-owed' | 'abandoned'
  label: string
  createdAt: string
  completedAt?: string
  steps: {
    name: 'check-label' | 'create-key' | 'generate-csr' | 'export-attestation' | 'verify' | 'pack' | 'commit'
    durationMs: number
  }[]
  bundle?: {
    fileName: string
    size: number
    sha256: string
    href: string
  }
  verification?: {
    verdict: 'passed' | 'failed'
    checks: {
      id: string
      outcome: 'passed' | 'failed' | 'warning' | 'skipped'
      detail: string
    }[]
  }
}

export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  code: 'invalid-request' | 'unauthenticated' | 'forbidden' | 'not-found' | 'method-not-allowed' | 'not-acceptable' | 'request-timeout' | 'key-label-taken' | 'transaction-in-progress' | 'bundle-not-available' | 'bundle-expired' | 'payload-too-large' | 'uri-too-long' | 'unsupported-media-type' | 'idempotency-key-reused' | 'key-not-attestable' | 'profile-violated' | 'rollback-impossible' | 'tsb-rejected' | 'too-many-requests' | 'headers-too-large' | 'internal-error' | 'tsb-unauthorized' | 'tsb-invalid-response' | 'tsb-error' | 'evidence-rejected' | 'tsb-unavailable' | 'overloaded' | 'shutting-down' | 'journal-unavailable' | 'authentication-unavailable' | 'tsb-timeout'
  /** path of the transaction */
  instance?: string
  errors?: {
    /** JSON pointer into the request body */
    pointer: string
    detail: string
  }[]
  transaction?: {
    id: string
    step: string
    /** what is left at the HSM */
    rollback: 'done' | 'not-needed' | 'pending' | 'impossible'
  }
  upstream?: {
    status: number
    errorCode?: number
    reason?: string
    message?: string
  }
  verification?: {
    verdict: 'passed' | 'failed'
    checks: {
      id: string
      outcome: 'passed' | 'failed' | 'warning' | 'skipped'
      detail: string
    }[]
  }
  /** path of your own completed transaction that made the key */
  existing?: string
}
