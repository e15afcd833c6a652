import Type from 'typebox'
import { PROBLEM_CODES } from '../../errors.ts'

const Verification = Type.Object({
  verdict: Type.Enum(['passed', 'failed']),
  checks: Type.Array(Type.Object({
    id: Type.String({ examples: ['chain.anchored'] }),
    outcome: Type.Enum(['passed', 'failed', 'warning', 'skipped']),
    detail: Type.String(),
  })),
})

/** A transaction, as `GET /v1/attestation-bundles/{id}` shows it. */
export const TransactionView = Type.Object({
  id: Type.String({ format: 'uuid' }),
  status: Type.Enum(['in-progress', 'completed', 'rolling-back', 'rolled-back', 'rollback-owed', 'abandoned']),
  label: Type.String(),
  createdAt: Type.String({ format: 'date-time' }),
  completedAt: Type.Optional(Type.String({ format: 'date-time' })),
  steps: Type.Array(Type.Object({
    name: Type.Enum(['check-label', 'create-key', 'generate-csr', 'export-attestation', 'verify', 'pack', 'commit']),
    durationMs: Type.Integer({ minimum: 0 }),
  })),
  bundle: Type.Optional(Type.Object({
    fileName: Type.String(),
    size: Type.Integer({ minimum: 1 }),
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    href: Type.String(),
  })),
  verification: Type.Optional(Verification),
}, { $id: 'Transaction' })
export type TransactionView = Type.Static<typeof TransactionView>

export const TransactionList = Type.Object({ transactions: Type.Array(TransactionView, { maxItems: 100 }) }, { $id: 'TransactionList' })

/** What a readiness probe reads, and an operator. */
export const Readiness = Type.Object({
  status: Type.Enum(['ready']),
  running: Type.Integer({ minimum: 0, description: 'transactions that run here' }),
  queued: Type.Integer({ minimum: 0, description: 'and that wait for their turn' }),
  rollbacksOwed: Type.Integer({ minimum: 0, description: 'of all replicas, as of the last beat' }),
  tsb: Type.Object({
    state: Type.Enum(['not asked yet', 'answers', 'fails', 'does not answer'], { description: 'how its last answer was; it does not make a replica unready' }),
    at: Type.Optional(Type.String({ format: 'date-time' })),
    version: Type.String(),
  }),
}, { $id: 'Readiness' })

/** RFC 9457 problem details, with this service's members. */
export const Problem = Type.Object({
  type: Type.String({ examples: ['urn:problem:attestation-bundle:tsb-error'] }),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  code: Type.Enum(PROBLEM_CODES),
  instance: Type.Optional(Type.String({ description: 'path of the transaction' })),
  errors: Type.Optional(Type.Array(Type.Object({
    pointer: Type.String({ description: 'JSON pointer into the request body' }),
    detail: Type.String(),
  }))),
  transaction: Type.Optional(Type.Object({
    id: Type.String({ format: 'uuid' }),
    step: Type.String(),
    rollback: Type.Enum(['done', 'not-needed', 'pending', 'impossible'], { description: 'what is left at the HSM' }),
  })),
  upstream: Type.Optional(Type.Object({
    status: Type.Integer(),
    errorCode: Type.Optional(Type.Integer()),
    reason: Type.Optional(Type.String()),
    message: Type.Optional(Type.String({ maxLength: 200 })),
  })),
  verification: Type.Optional(Verification),
  existing: Type.Optional(Type.String({ description: 'path of your own completed transaction that made the key' })),
}, { $id: 'Problem' })
export type Problem = Type.Static<typeof Problem>
