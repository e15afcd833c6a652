import type { Transaction } from '../journal/journal.ts'
import { pathOf } from '../transaction/failure.ts'
import type { TransactionView } from './schemas/answers.ts'

/** @returns the transaction as callers see it */
export function transactionView({ id, status, label, createdAt, completedAt, steps, bundle, report }: Transaction): TransactionView {
  return {
    id, status, label,
    createdAt: createdAt.toISOString(),
    ...(completedAt && { completedAt: completedAt.toISOString() }),
    steps: steps as TransactionView['steps'],
    ...(bundle && { bundle: { fileName: bundle.fileName, size: bundle.size, sha256: bundle.sha256, href: pathOf(id) } }),
    ...(report && { verification: { verdict: report.verdict, checks: report.checks.map((check) => ({ ...check })) } }),
  }
}
