import type { Journal, Transaction, TransactionStatus } from './journal.ts'

const UNFINISHED: ReadonlySet<TransactionStatus> = new Set(['in-progress', 'rolling-back', 'rollback-owed'])

/** Finished rows that are kept at most: memory has an end. At some 20 KB a bundle this is 100 MB. */
const KEPT = 5_000

/**
 * A journal in memory: everything the interface promises, but for surviving the process.
 * @param retentionMs how long a bundle's bytes are kept after its transaction completed
 * @param now epoch milliseconds
 * @param kept finished rows kept at most; the oldest go first
 */
export function openMemoryJournal(retentionMs: number, now: () => number, kept = KEPT): Journal {
  // A Map keeps the order of insertion: oldest first.
  const rows = new Map<string, Transaction>()

  const withoutExpired = (row: Transaction | undefined): Transaction | undefined => {
    if (row?.bundle?.bytes === undefined || row.completedAt === undefined || now() - row.completedAt.getTime() < retentionMs) return row
    const { bytes: _expired, ...bundle } = row.bundle
    const without = { ...row, bundle }
    rows.set(row.id, without)
    return without
  }
  const holdsKey = (row: Transaction, caller: string, key: string): boolean =>
    row.caller === caller && row.idempotency?.key === key && (UNFINISHED.has(row.status) || row.status === 'completed')
  const findHolder = (caller: string, key: string): Transaction | undefined => [...rows.values()].find((row) => holdsKey(row, caller, key))

  const forgetOldest = (): void => {
    const finished = [...rows.values()].filter((row) => !UNFINISHED.has(row.status))
    for (const row of finished.slice(0, Math.max(0, finished.length - kept))) rows.delete(row.id)
  }

  return {
    async begin(row) {
      const label = row.label.toLowerCase()
      const holder = row.idempotency && findHolder(row.caller, row.idempotency.key)
      if (holder !== undefined) return { state: 'idempotency-key-held', by: holder }
      if ([...rows.values()].some((other) => UNFINISHED.has(other.status) && other.label.toLowerCase() === label)) return { state: 'label-held' }
      rows.set(row.id, { ...row, status: 'in-progress', steps: [] })
      return { state: 'begun' }
    },
    async update(id, change) {
      const row = rows.get(id)
      if (row === undefined) throw new Error('there is no such transaction')
      rows.set(id, { ...row, ...change })
      if (change.status !== undefined && !UNFINISHED.has(change.status)) forgetOldest()
    },
    async find(caller, id) {
      const row = rows.get(id)
      return row?.caller === caller ? withoutExpired(row) : undefined
    },
    async findByIdempotencyKey(caller, key) {
      return withoutExpired(findHolder(caller, key))
    },
    async list(caller, label) {
      return [...rows.values()].filter((row) => row.caller === caller && row.label.startsWith(label)).reverse().slice(0, 100)
    },
    async close() {
      rows.clear()
    },
  }
}
