import type { ProblemCode } from '../../errors.ts'
import type { Problem, TransactionView } from './answers.ts'
import { ID_EXAMPLE, LABEL_EXAMPLE, PATH_EXAMPLE } from './examples.ts'

const SHA256 = '9d4e1e23bd5b727046a9e3b4b7db57bd8d6ee684c2b8a1c1a2f2f3e5d7a0b6c4'
const FILE_NAME = `${LABEL_EXAMPLE}-attestation-bundle.zip`

/** Headers of the answers, as they are for the transaction below. */
export const HEADER_EXAMPLES = {
  location: PATH_EXAMPLE,
  'content-disposition': `attachment; filename="${FILE_NAME}"`,
  'repr-digest': `sha-256=:${Buffer.from(SHA256, 'hex').toString('base64')}:`,
  'idempotency-replayed': 'true',
  'retry-after': '10',
  'www-authenticate': 'Bearer realm="attestation-bundler"',
  traceresponse: '00-4bf92f3577b34da6a3ce929d0e0e4736-53995c3f42cd8ad8-01',
}

/** JSON cannot show a zip: these are the four bytes that every zip begins with. */
export const ZIP_EXAMPLE = { summary: 'The first four bytes of a zip; the README lists its files', value: 'PK\u0003\u0004' }

const PASSED: NonNullable<TransactionView['verification']>['checks'] = [
  { id: 'archive.readable', outcome: 'passed', detail: 'The zip is sound and has 5 files.' },
]

/** Of the checks, the first only. */
export const TRANSACTION_EXAMPLE: TransactionView = {
  id: ID_EXAMPLE,
  status: 'completed',
  label: LABEL_EXAMPLE,
  createdAt: '2026-11-25T09:30:00.120Z',
  completedAt: '2026-11-25T09:30:02.871Z',
  steps: [
    { name: 'create-key', durationMs: 2160 },
    { name: 'generate-csr', durationMs: 214 },
    { name: 'export-attestation', durationMs: 305 },
    { name: 'verify', durationMs: 41 },
    { name: 'pack', durationMs: 9 },
    { name: 'commit', durationMs: 12 },
  ],
  bundle: { fileName: FILE_NAME, size: 66_059, sha256: SHA256, href: PATH_EXAMPLE },
  verification: { verdict: 'passed', checks: PASSED },
}

/** A transaction that failed and was taken back: beside the completed one in the list. */
export const FAILED_TRANSACTION_EXAMPLE: TransactionView = {
  id: 'a9d2508c-cfe4-49cf-b501-20cad275c718',
  status: 'rolled-back',
  label: 'acme-seal-a9d2508c-cfe4-49cf-b501-20cad275c718',
  createdAt: '2026-11-25T09:28:41.006Z',
  steps: [{ name: 'create-key', durationMs: 2044 }, { name: 'generate-csr', durationMs: 88 }],
}

const DELETED = 'The key was deleted again. On a partition with Key Invalidation the key is invisible, not destroyed, and the label stays taken.'
const MAYBE_LEFT = 'A key may be left at the HSM; this service keeps trying to delete it and holds the label meanwhile.'

const TOO_SHORT = 'must be at least 3000 bits: RSA below 3000 bits lost its suitability for qualified signatures and seals at the end of 2025 '
  + '(SOG-IS ACM 1.3, by the BNetzA notice of 6 September 2024)'

type Transaction = NonNullable<Problem['transaction']>
type Members = Omit<Problem, 'type' | 'title' | 'status' | 'code'>

const began = (step: Transaction['step'], rollback: Transaction['rollback']): Pick<Problem, 'instance' | 'transaction'> =>
  ({ instance: PATH_EXAMPLE, transaction: { id: ID_EXAMPLE, step, rollback } })

function oneField(pointer: string, detail: string): Members {
  return { detail: `${pointer}: ${detail}`, errors: [{ pointer, detail }] }
}

/** The list's own `invalid-request`: its one parameter. */
export const INVALID_LABEL_EXAMPLE = oneField('/label', 'the exact label, or how it begins: 1 to 128 letters, digits, dots, hyphens and underscores')

/** What each problem says beside its row of the table: the service's own words for one case. */
export const PROBLEM_EXAMPLES: Readonly<Record<ProblemCode, Members>> = {
  'invalid-request': {
    detail: '2 fields are not as they should be',
    errors: [
      { pointer: '/key/size', detail: 'is not a field of this request' },
      { pointer: '/csr/standardCertificateAttributes/country', detail: 'two capital letters (ISO 3166-1)' },
    ],
  },
  unauthenticated: { detail: 'send a valid credential' },
  forbidden: { detail: 'this caller may not use this label' },
  'not-found': { detail: 'you have no transaction of this id' },
  'method-not-allowed': { detail: 'this path takes GET, HEAD, POST' },
  'not-acceptable': { detail: 'this resource is application/zip or application/json' },
  'request-timeout': { detail: `the caller went away before the commit. ${DELETED}`, ...began('generate-csr', 'done') },
  'key-label-taken': {
    detail: 'a key of this label exists at the HSM; it was left untouched. No key was created.',
    ...began('check-label', 'not-needed'),
    existing: '/v1/attestation-bundles/3bc113a2-81d8-4cfc-bb1a-7b83b3d63811',
  },
  'transaction-in-progress': { detail: 'the transaction of this Idempotency-Key runs', instance: PATH_EXAMPLE },
  'bundle-not-available': { detail: 'this transaction is rolled-back', instance: PATH_EXAMPLE },
  'bundle-expired': { detail: 'the bundle is past its retention time', instance: PATH_EXAMPLE },
  'payload-too-large': { detail: 'a body may have 64 KiB' },
  'uri-too-long': { detail: 'a request target may have 8000 characters' },
  'unsupported-media-type': { detail: 'send the body as application/json' },
  'idempotency-key-reused': { detail: 'this Idempotency-Key came with another body before', instance: PATH_EXAMPLE },
  'key-not-attestable': oneField('/key/attributes/extractable', 'must be false: no QTSP accepts the key otherwise'),
  'profile-violated': { detail: `profile qualified-seal: /key/keySize ${TOO_SHORT}`, errors: [{ pointer: '/key/keySize', detail: TOO_SHORT }] },
  'rollback-impossible': oneField('/key/attributes/destroyable', 'must be true: a key that cannot be destroyed could not be taken back after a failure'),
  'tsb-rejected': {
    detail: `the TSB answered certificate-request with 400 and code 607. ${DELETED}`,
    upstream: { status: 400, errorCode: 607, reason: 'res.error.algorithm.not.supported.by.key', message: 'The algorithm is not supported by the key.' },
    ...began('generate-csr', 'done'),
  },
  'too-many-requests': { detail: 'too many requests without a valid credential' },
  'headers-too-large': { detail: 'the request could not be read' },
  'internal-error': { detail: 'the service failed; its log says more' },
  'tsb-unauthorized': {
    detail: 'the TSB answered create-key with 401 and code 631. No key was created.',
    upstream: { status: 401, errorCode: 631, reason: 'res.error.invalid.api.key', message: 'The given api key is not valid.' },
    ...began('create-key', 'not-needed'),
  },
  'tsb-invalid-response': {
    detail: `the TSB answered key-attestation with 200 and no zip. ${DELETED}`,
    upstream: { status: 200 },
    ...began('export-attestation', 'done'),
  },
  'tsb-error': {
    detail: `the TSB answered key-attestation with 500 and code 701. ${DELETED}`,
    upstream: { status: 500, errorCode: 701, reason: 'res.error.in.hsm', message: 'HSM error: status: PKCS#11: DEVICE_ERROR' },
    ...began('export-attestation', 'done'),
  },
  'evidence-rejected': {
    detail: `checks that failed: signature.valid. ${DELETED}`,
    verification: {
      verdict: 'failed',
      checks: [...PASSED, {
        id: 'signature.valid', outcome: 'failed',
        detail: 'Expected a signature of the attestation certificate\'s key over the exact bytes of the XML; the signature does not verify.',
      }],
    },
    ...began('verify', 'done'),
  },
  'tsb-unavailable': {
    detail: `the TSB answered create-key with 503. ${MAYBE_LEFT}`,
    upstream: { status: 503 },
    ...began('create-key', 'pending'),
  },
  overloaded: { detail: '16 transactions run and 256 callers wait' },
  'shutting-down': { detail: 'this instance takes no new transactions' },
  'journal-unavailable': { detail: 'the journal cannot be read or written' },
  'authentication-unavailable': { detail: 'the keys of the issuer cannot be fetched' },
  'tsb-timeout': { detail: `the TSB did not answer create-key in time. ${MAYBE_LEFT}`, ...began('create-key', 'pending') },
}
