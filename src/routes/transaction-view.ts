import type { OwnTransaction } from '../transaction/run-transaction.ts'
import { pathOf } from '../transaction/failure.ts'
import { statusOf } from '../transaction/status.ts'
import type { TransactionView } from './schemas/answers.ts'

/** @returns the transaction as callers see it */
export function transactionView({ id, state, label, createdAt, endedAt, steps, bundle, report }: OwnTransaction): TransactionView {
  return {
    id, status: statusOf(state), label,
    createdAt: createdAt.toISOString(),
    ...(state === 'committed' && endedAt && { completedAt: endedAt.toISOString() }),
    steps: steps as TransactionView['steps'],
    ...(bundle && { bundle: { fileName: bundle.fileName, size: bundle.size, sha256: bundle.sha256, href: pathOf(id) } }),
    ...(report && { verification: { verdict: report.verdict, checks: report.checks.map((check) => ({ ...check })) } }),
  }
}
