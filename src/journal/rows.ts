import { type RawBuilder, sql } from 'kysely'
import type { EvidenceReport } from '../evidence/evidence.ts'
import type { Change, Fingerprint, Inherited, NewTransaction, Settling, StoredBundle, Transaction } from './journal.ts'
import type { TransactionTable } from './schema.ts'

/** What a Transaction is made of. Named one by one: a newer version of the service may have added columns. */
export const TRANSACTION_COLUMNS = ['id', 'caller', 'tsb', 'label', 'label_is_ours', 'idempotency_key', 'fingerprint', 'state',
  'created_at', 'ended_at', 'steps', 'report', 'reason', 'written_off_at', 'bundle_file_name', 'bundle_sha256', 'bundle_size'] as const
export const INHERITED_COLUMNS = ['id', 'fence', 'state', 'caller', 'label', 'label_is_ours', 'create_body', 'secret', 'public_key',
  'settling', 'sent_at', 'lapsed_at'] as const

export type TransactionRow = Pick<TransactionTable, typeof TRANSACTION_COLUMNS[number]> & { readonly kept_bytes?: Uint8Array | null }
export type InheritedRow = Pick<TransactionTable, typeof INHERITED_COLUMNS[number]> & { readonly clock: number }

/** PostgreSQL refuses text with U+0000, and a TSB's message may hold one: a row must not stay unwritten for that. */
export const plain = (text: string): string => text.replaceAll('\0', '\uFFFD')
/** @returns the same bytes as a Buffer, not copied */
export const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const optional = <K extends string, V>(key: K, value: V | null | undefined): { readonly [key in K]?: V } =>
  (value === null || value === undefined ? {} : { [key]: value } as { [key in K]: V })
const parsed = <T>(json: string | null): T | null => (json === null ? null : JSON.parse(json) as T)

/** @returns the columns of a new row that do not depend on who writes it */
export function columnsOfNew(row: NewTransaction, clock: RawBuilder<number>) {
  return {
    id: row.id,
    caller: row.caller,
    label: row.label,
    label_key: row.label.toLowerCase(),
    label_is_ours: row.labelIsOurs ? 1 : 0,
    idempotency_key: row.idempotency?.key ?? null,
    fingerprint: row.idempotency === undefined ? null : JSON.stringify(row.idempotency.fingerprint),
    state: 'began' as const,
    create_body: JSON.stringify(row.createBody),
    secret: row.secret ?? null,
    created_at: row.createdAt.getTime(),
    ...(row.createLeaves && { sent_at: clock }),
    steps: '[]',
  }
}

/** @returns the columns that a change names; what it does not name stays */
export function columnsOfChange(change: Change, clock: RawBuilder<number>) {
  const { state, settling, bundle, publicKey } = change
  return {
    ...optional('state', state),
    ...(change.createLeaves && { sent_at: clock }),
    ...(publicKey && { public_key: view(publicKey) }),
    ...(settling && { settling: JSON.stringify(settling), reason: plain(settling.reason) }),
    ...(change.freesIdempotencyKey && { idempotency_key: null }),
    ...(change.steps && { steps: JSON.stringify(change.steps) }),
    ...(change.report && { report: JSON.stringify(change.report) }),
    ...(bundle && columnsOfBundle(bundle)),
  }
}

const columnsOfBundle = ({ fileName, sha256, size, bytes }: Required<StoredBundle>) =>
  ({ bundle_file_name: fileName, bundle_sha256: sha256, bundle_size: size, bundle_bytes: bytes })

/** @returns a row as callers and operators see it; with bytes only where they were selected as `kept_bytes` */
export function transactionOf(row: TransactionRow): Transaction {
  const fingerprint = parsed<Fingerprint>(row.fingerprint)
  return {
    id: row.id,
    caller: row.caller,
    tsb: row.tsb,
    label: row.label,
    labelIsOurs: row.label_is_ours === 1,
    ...(row.idempotency_key !== null && fingerprint !== null && { idempotency: { key: row.idempotency_key, fingerprint } }),
    createdAt: new Date(row.created_at),
    state: row.state,
    ...(row.ended_at !== null && { endedAt: new Date(row.ended_at) }),
    steps: JSON.parse(row.steps) as Transaction['steps'],
    ...optional('bundle', bundleOf(row)),
    ...optional('report', parsed<EvidenceReport>(row.report)),
    ...((row.state === 'rollback-owed' || row.state === 'abandoned') && optional('reason', row.reason)),
    ...(row.written_off_at !== null && { writtenOffAt: new Date(row.written_off_at) }),
  }
}

function bundleOf(row: TransactionRow): StoredBundle | undefined {
  if (row.bundle_file_name === null || row.bundle_sha256 === null || row.bundle_size === null) return undefined
  return {
    fileName: row.bundle_file_name,
    sha256: row.bundle_sha256,
    size: row.bundle_size,
    ...(row.kept_bytes && { bytes: view(row.kept_bytes) }),
  }
}

/** @returns what a recovery has to know of a row that it took over */
export function inheritedOf(row: InheritedRow): Inherited {
  return {
    id: row.id,
    fence: row.fence,
    state: row.state,
    caller: row.caller,
    label: row.label,
    labelIsOurs: row.label_is_ours === 1,
    createBody: JSON.parse(row.create_body) as Readonly<Record<string, unknown>>,
    ...optional('secret', row.secret),
    ...(row.sent_at !== null && { sentAgoMs: Math.max(0, row.clock - row.sent_at) }),
    ...(row.public_key !== null && { publicKey: view(row.public_key) }),
    lapsedMs: row.lapsed_at === null ? 0 : Math.max(0, row.clock - row.lapsed_at),
    ...optional('settling', parsed<Settling>(row.settling)),
  }
}

/** Bytes within their retention time only, whether or not `expireBundles` came by already. */
export function keptBytes(clock: RawBuilder<number>, retentionMs: number): RawBuilder<Uint8Array | null> {
  return sql<Uint8Array | null>`case when ended_at > ${clock} - ${retentionMs} then bundle_bytes end`
}
