import { ProblemError } from '../errors.ts'
import type { Transaction } from '../journal/journal.ts'
import { pathOf } from './failure.ts'
import { matchesFingerprint, type ReceivedBody } from './fingerprint.ts'

/**
 * What a request gets whose Idempotency-Key is in use. Only success is remembered: a failed transaction left nothing behind and holds no key.
 * @param held the transaction that holds the key
 * @param body the new request
 * @returns the completed transaction
 * @throws ProblemError `idempotency-key-reused`, `transaction-in-progress` or `bundle-expired`
 */
export async function replay(held: Transaction, body: ReceivedBody): Promise<{ transaction: Transaction; replayed: true }> {
  const instance = pathOf(held.id)
  if (held.idempotency === undefined || !(await matchesFingerprint(held.idempotency.fingerprint, body))) {
    throw new ProblemError('idempotency-key-reused', 'this Idempotency-Key came with another body before', { instance })
  }
  if (held.state !== 'committed') {
    const owed = held.state === 'rollback-owed'
    throw new ProblemError('transaction-in-progress', owed ? 'the rollback of this Idempotency-Key\'s transaction is not settled' : 'the transaction of this Idempotency-Key runs', {
      instance, ...(owed && { retryAfterSeconds: 60 }),
    })
  }
  if (held.bundle?.bytes === undefined) throw new ProblemError('bundle-expired', 'the bundle of this transaction is past its retention time', { instance })
  return { transaction: held, replayed: true }
}
