import type { TrustAnchor } from '../evidence/evidence.ts'
import type { Journal, Transaction } from '../journal/journal.ts'
import { openSecret, sealSecret } from '../journal/secrets.ts'
import type { Tsb } from '../tsb/tsb.ts'
import { openAdmission } from './admission.ts'
import { startRecovery, type RecoverySettings } from './recovery.ts'
import { refuseViolations } from './refuse-violations.ts'
import { replay } from './replay.ts'
import { runTransaction, type Issued, type IssueRequest, type Surroundings } from './run-transaction.ts'
import { openUnwritten } from './unwritten.ts'
import { versionGate } from './version-gate.ts'

export type Observer = Surroundings['observer'] & {
  warn(message: string): void
}

export interface TransactionSettings extends RecoverySettings {
  readonly timeoutMs: number
  readonly maxTransactions: number
  readonly maxQueued: number
  readonly trustAnchors: readonly TrustAnchor[]
  readonly clockSkewSeconds: number
  /** AES-256 keys: the first encrypts, all decrypt. None: passwords are not kept. */
  readonly encryptionKeys: readonly Buffer[]
}

export interface Transactions {
  /**
   * Runs one transaction, or finds the completed one of the same Idempotency-Key.
   * @throws ProblemError with everything the caller has to know, `rollback` above all
   */
  issue(request: IssueRequest): Promise<Issued>
  find(caller: string, id: string): Promise<Transaction | undefined>
  list(caller: string, label: string): Promise<readonly Transaction[]>
  /** From memory: it may be asked every second. */
  status(): { readonly running: number; readonly queued: number; readonly rollbacksOwed: number; readonly tsbVersion?: string }
  /** What the whole journal owes, all replicas' rows. @throws ProblemError where it can't be read */
  owed(): Promise<{ readonly owed: number; readonly abandoned: number }>
  /** Resolves when the recovery had its first look at the journal. */
  readonly started: Promise<void>
  /** Why this replica should not get work: undefined where it should. */
  notReady(): string | undefined
  /** Takes nothing new. Resolves when the running transactions have ended, those whose caller left included. */
  drain(): Promise<void>
  /** Ends the recovery; what is owed stays in the journal. Call it after `drain`. */
  stop(): Promise<void>
}

/**
 * Puts the parts together: the limit, the journal's locks, the flow and its undo, and the recovery, which starts at once.
 * @param tsb the TSB
 * @param journal holds label and Idempotency-Key while a transaction runs, and its bundle afterwards
 * @param now the clock
 */
export function openTransactions(tsb: Tsb, journal: Journal, settings: TransactionSettings, observer: Observer, now: () => Date = () => new Date()): Transactions {
  const admission = openAdmission(settings.maxTransactions, settings.maxQueued)
  const gate = versionGate(tsb, (reason) => observer.warn(`the TSB's version is not known: ${reason}`))
  const unwritten = openUnwritten(
    (id, error) => observer.warn(`the journal does not know yet how transaction ${id} ended: ${messageOf(error)}`),
    (id) => observer.warn(`the journal now knows how transaction ${id} ended`),
  )
  const recovery = startRecovery({
    tsb, journal, settings,
    now: () => now().getTime(),
    openPassword(id, secret) {
      const password = openSecret(settings.encryptionKeys, id, secret)
      return password === 'no-key' ? undefined : password
    },
    beaten: () => unwritten.retry(),
    report: (event) => observer.debt(event),
    span: (id, run) => observer.span('settle', run, id),
    failed: (what, error) => observer.warn(`${what}: ${messageOf(error)}`),
  })
  const around: Surroundings = {
    tsb, journal, settings, gate, recovery, unwritten, observer, now,
    seal: (id, password) => sealSecret(settings.encryptionKeys, id, password),
  }

  return {
    async issue(request) {
      const { idempotency, caller } = request
      const held = idempotency && await journal.findByIdempotencyKey(caller, idempotency.key)
      // A replay needs no place: it costs the HSM nothing.
      if (held !== undefined) return replay(held, idempotency!.body)
      // Behind the replay: a bundle that was issued stays issued, whatever a later version or DEFAULT_PROFILE asks.
      refuseViolations(request.order)
      const leave = await admission.enter(request.left)
      try {
        return await observer.span('transaction', () => runTransaction(request, around))
      } finally {
        leave()
      }
    },
    find: (caller, id) => journal.find(caller, id),
    list: (caller, label) => journal.list(caller, label),
    status() {
      const tsbVersion = gate.known()
      return { running: admission.running(), queued: admission.queued(), rollbacksOwed: recovery.owed(), ...(tsbVersion !== undefined && { tsbVersion }) }
    },
    owed: () => journal.count(),
    started: recovery.started,
    notReady: () => recovery.notReady(),
    drain: () => admission.close(),
    async stop() {
      await unwritten.retry()
      await recovery.stop()
    },
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
