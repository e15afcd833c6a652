import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { asked } from './systems.ts'

/** One row in so many still has its bundle's bytes; of the others they have expired. */
const KEPT = 500
/** One in so many was rolled back, and holds neither a bundle nor the report. */
const ROLLED_BACK = 50
/** Between one row's beginning and the next one's: a million rows are a month and a half. */
const APART_MS = 4_000

const COLUMNS = `id, caller, tsb, label, label_key, label_is_ours, idempotency_key, fingerprint, state, owner, fence, lease_until, lapsed_at, sent_at, public_key,
  create_body, secret, settling, created_at, ended_at, steps, report, reason, written_off_at, bundle_file_name, bundle_sha256, bundle_size, bundle_bytes`

/**
 * The columns of row `n`, after the model of a real one, for both dialects.
 * @param id SQL for a random id
 * @param rows how many there will be
 */
const copied = (id: string, rows: number): string => `
  select ${id}, caller, tsb, 'bench-' || ${id}, 'bench-' || ${id}, 1, case when n % ${ROLLED_BACK} = 7 then null else 'filled-' || n end, fingerprint,
    case when n % ${ROLLED_BACK} = 7 then 'rolled-back' else 'committed' end, null, fence, null, null, sent_at, public_key,
    create_body, null, null, created_at - (${rows} - n) * ${APART_MS}, ended_at - (${rows} - n) * ${APART_MS}, steps,
    case when n % ${ROLLED_BACK} = 7 then null when n % ${KEPT} = 0 then report else short_report end, null, null,
    case when n % ${ROLLED_BACK} = 7 then null else bundle_file_name end, case when n % ${ROLLED_BACK} = 7 then null else bundle_sha256 end,
    case when n % ${ROLLED_BACK} = 7 then null else bundle_size end, case when n % ${KEPT} = 0 then bundle_bytes end`

/**
 * Fills a journal that holds one committed row, which a bundle just made, with copies of it: other ids, labels and keys, older and older. Most
 * have a short report, or a million of them would be ten gigabytes; no search reads it.
 * @param url of a journal that nobody has open
 */
export async function fillJournal(url: string, rows: number): Promise<void> {
  if (rows === 0) return
  if (url.startsWith('file:')) fillSqlite(fileURLToPath(new URL(url)), rows)
  else await fillPostgres(url, rows)
}

/** A model's report without its checks. */
const SHORT_REPORT = '{"verdict":"passed","checks":[]}'

function fillSqlite(path: string, rows: number): void {
  const database = new DatabaseSync(path)
  try {
    // What a crash would cost here is a second run of the bench.
    database.exec('pragma synchronous = off; pragma cache_size = -400000; begin')
    database.exec(`create temp table model as select *, '${SHORT_REPORT}' as short_report from bundle_transaction limit 1`)
    const id = "(substr(r, 1, 8) || '-' || substr(r, 9, 4) || '-4' || substr(r, 13, 3) || '-8' || substr(r, 16, 3) || '-' || substr(r, 19, 12))"
    database.exec(`
      insert into bundle_transaction (${COLUMNS})
      with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${rows}),
        random(n, r) as materialized (select n, lower(hex(randomblob(16))) from numbers)
      ${copied(id, rows)} from random, model`)
    database.exec('commit; pragma wal_checkpoint(truncate)')
  } finally {
    database.close()
  }
}

async function fillPostgres(url: string, rows: number): Promise<void> {
  await asked(url, async (client) => {
    await client.query('set synchronous_commit = off')
    await client.query(`create temp table model as select *, '${SHORT_REPORT}' as short_report from bundle_transaction limit 1`)
    await client.query(`
      insert into bundle_transaction (${COLUMNS})
      ${copied('r', rows)} from (select n, gen_random_uuid()::text as r from generate_series(1::bigint, ${rows}) as n offset 0) as random, model`)
    // What autovacuum would do within a minute, and not in the middle of a measurement.
    await client.query('vacuum analyze bundle_transaction')
    await client.query('checkpoint')
  })
}
