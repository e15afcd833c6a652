import { ProblemError } from '../errors.ts'
import type { Journal, Transaction, TransactionStatus } from './journal.ts'

const UNFINISHED: ReadonlySet<TransactionStatus> = new Set(['in-progress', 'rolling-back', 'rollback-owed'])

/** Memory has an end. Bundles are never given up for new ones: at some 25 KB each, this many are 250 MB, and then nothing new begins. */
const MOST_BUNDLES = 10_000
/** Rolled-back rows say only that nothing was left; the oldest are forgotten. */
const MOST_ROLLED_BACK = 1_000
const LISTED = 100

/**
 * A journal in memory: everything the interface promises, but for surviving the process.
 * @param retentionMs how long a bundle's bytes are kept after its transaction completed
 * @param now epoch milliseconds
 * @param mostBundles bundles kept at once
 */
export function openMemoryJournal(retentionMs: number, now: () => number, mostBundles = MOST_BUNDLES): Journal {
  // A Map keeps the order of insertion: oldest first.
  const rows = new Map<string, Transaction>()
  const rolledBack = new Set<string>()
  const bundles = new Set<string>()

  const withoutExpired = (row: Transaction | undefined): Transaction | undefined => {
    if (row?.bundle?.bytes === undefined || row.completedAt === undefined || now() - row.completedAt.getTime() < retentionMs) return row
    const { bytes: _expired, ...bundle } = row.bundle
    const without = { ...row, bundle }
    rows.set(row.id, without)
    bundles.delete(row.id)
    return without
  }
  const holdsKey = (row: Transaction, caller: string, key: string): boolean =>
    row.caller === caller && row.idempotency?.key === key && (UNFINISHED.has(row.status) || row.status === 'completed')
  const findHolder = (caller: string, key: string): Transaction | undefined => [...rows.values()].find((row) => holdsKey(row, caller, key))
  const newest = (wanted: (row: Transaction) => boolean): Transaction[] => [...rows.values()].filter(wanted).reverse()

  return {
    async begin(row) {
      const label = row.label.toLowerCase()
      const holder = row.idempotency && findHolder(row.caller, row.idempotency.key)
      if (holder !== undefined) return { state: 'idempotency-key-held', by: holder }
      if ([...rows.values()].some((other) => UNFINISHED.has(other.status) && other.label.toLowerCase() === label)) return { state: 'label-held' }
      if (bundles.size >= mostBundles) for (const id of bundles) withoutExpired(rows.get(id))
      if (bundles.size >= mostBundles) throw new ProblemError('journal-unavailable', 'the journal in memory is full of bundles that are still kept')
      rows.set(row.id, { ...row, status: 'in-progress', steps: [] })
      return { state: 'begun' }
    },
    async update(id, change) {
      const row = rows.get(id)
      if (row === undefined) throw new Error('there is no such transaction')
      rows.set(id, { ...row, ...change })
      if (change.bundle?.bytes !== undefined) bundles.add(id)
      if (change.status !== 'rolled-back') return
      rolledBack.add(id)
      const [oldest] = rolledBack
      if (rolledBack.size > MOST_ROLLED_BACK && oldest !== undefined) {
        rolledBack.delete(oldest)
        rows.delete(oldest)
      }
    },
    async find(caller, id) {
      const row = rows.get(id)
      return row?.caller === caller ? withoutExpired(row) : undefined
    },
    async findByIdempotencyKey(caller, key) {
      return withoutExpired(findHolder(caller, key))
    },
    async findCompleted(caller, label) {
      return newest((row) => row.caller === caller && row.status === 'completed' && row.label === label)[0]
    },
    async list(caller, label) {
      const found = newest((row) => row.caller === caller && row.label.startsWith(label))
      const telling = found.filter((row) => row.status !== 'rolled-back').slice(0, LISTED)
      const room = new Set([...telling, ...found.filter((row) => row.status === 'rolled-back').slice(0, LISTED - telling.length)])
      return found.filter((row) => room.has(row))
    },
    async close() {
      rows.clear()
    },
  }
}
