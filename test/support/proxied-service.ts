import { statement, type Statement } from './postgres-protocol.ts'
import { startPostgres } from './postgres.ts'
import { startService, type Service } from './service.ts'
import { startPostgresProxy, type TcpProxy } from './tcp-proxy.ts'
import { watchJournal, type WatchedJournal } from './watched-journal.ts'

export interface ProxiedService {
  readonly service: Service
  /** Between the service and its journal. */
  readonly proxy: TcpProxy<Statement>
  readonly journal: WatchedJournal
  /** From now on the journal cannot be reached, and every connection to it is broken. */
  away(): void
  /** The service's clock; the journal's own is another. */
  readonly clock: { now(): Date }
  /** Resolves when readyz says 200. */
  ready(): Promise<void>
  /** Requests that the simulator got of this call about this label. */
  sent(call: string, label: string): number
  stop(): Promise<void>
}

/** Beats follow each other at a third of it. */
const LEASE_MS = 600

/**
 * Starts a PostgreSQL server, a proxy before it, and the service with its journal behind that.
 * @param env settings in place of ones that suit a test
 */
export async function startProxiedService(env: Record<string, string> = {}): Promise<ProxiedService> {
  const postgres = await startPostgres()
  const url = await postgres.newDatabase()
  const proxy = await startPostgresProxy(url)
  const clock = { now: () => new Date() }
  const service = await startService({
    env: { JOURNAL_URL: proxy.url, LEASE_MS: String(LEASE_MS), SETTLE_AFTER_MS: '500', TSB_CREATE_KEY_TIMEOUT_MS: '5000', ...env },
    now: () => clock.now(),
  })
  const journal = await watchJournal(url)
  return {
    service, proxy, journal, clock,
    away() {
      proxy.refuse()
      proxy.cutAll()
    },
    async ready() {
      // Each turn is a request over a socket; the beat that makes it true comes by itself.
      while ((await service.get('/readyz')).status !== 200);
    },
    sent(call, label) {
      const labelled = service.simulator.requests.filter(({ body }) => (body as { label?: string } | undefined)?.label === label)
      return labelled.filter((request) => request.call === call).length
    },
    async stop() {
      await service.stop()
      await journal.close()
      await proxy.stop()
      await postgres.stop()
    },
  }
}

/** The write that takes a row to this state. Ask before the transaction gets there: the next write names the state too. */
export const writeOf = (state: string): ((message: Statement) => boolean) => statement(/^update "bundle_transaction"/, state)
/** The read on a connection of its own that follows an unanswered write. */
export const REREAD = statement(/^select "id", "fence", "state" from "bundle_transaction"/)
