import { EventEmitter, on } from 'node:events'
import pg from 'pg'

/** One row of a journal, as it stands in the database. */
export interface Row {
  readonly id: string
  readonly label: string
  readonly state: string
}

/** A journal on PostgreSQL, seen by somebody who is not the service. */
export interface WatchedJournal {
  rows(label?: string): Promise<Row[]>
  /** Waits until the rows are as wanted; resolves at once where they are. @throws Error after 20 s */
  until(wanted: (rows: readonly Row[]) => boolean, label?: string): Promise<Row[]>
  /** Waits until the newest row of this label is in one of these states. */
  becomes(label: string, ...states: string[]): Promise<Row>
  close(): Promise<void>
}

const ROWS = 'select id, label, state from bundle_transaction where $1::text is null or label = $1 order by created_at, id'
const PATIENCE_MS = 20_000

/** The journal's own tables tell whoever listens that a row has changed: a test needs to ask only then. */
const TELL = `
  create or replace function tell() returns trigger language plpgsql as $$ begin perform pg_notify('journal', ''); return null; end $$;
  create or replace trigger tell after insert or update on bundle_transaction for each row execute function tell();
  listen journal`

/**
 * Watches a journal whose tables are there already, past every proxy.
 * @param url the database itself
 */
export async function watchJournal(url: string): Promise<WatchedJournal> {
  const client = new pg.Client(url)
  await client.connect()
  const changes = new EventEmitter().setMaxListeners(0)
  client.on('notification', () => { changes.emit('change') })
  await client.query(TELL)

  const rows: WatchedJournal['rows'] = async (label) => {
    const found = await client.query<Row>(ROWS, [label])
    return found.rows
  }
  const until: WatchedJournal['until'] = async (wanted, label) => {
    // Listens first: a change between the look and the wait would be missed.
    const told = on(changes, 'change', { signal: AbortSignal.timeout(PATIENCE_MS) })
    let now = await rows(label)
    try {
      while (!wanted(now)) {
        await told.next()
        now = await rows(label)
      }
      return now
    } catch (error) {
      throw new Error(`The journal did not come to what was waited for: ${JSON.stringify(now)}`, { cause: error })
    } finally {
      await told.return?.()
    }
  }
  return {
    rows,
    until,
    async becomes(label, ...states) {
      const found = await until((all) => states.includes(all.at(-1)?.state ?? ''), label)
      return found.at(-1)!
    },
    close: () => client.end(),
  }
}
