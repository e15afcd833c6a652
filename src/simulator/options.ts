import type { AttestationKey, Pki } from './pki.ts'
import type { FileNaming } from './export-zip.ts'
import type { Partition, StoredKey } from './partition.ts'
import type { RecordedRequest } from './server.ts'

type Maybe<T> = T | Promise<T>

/** Hooks that forge evidence. Each gets what an honest TSB would have sent and returns what is sent instead. */
export interface Alterations {
  /** The whole answer of create-key, after signing. */
  createAnswer?: (answer: Record<string, unknown>, key: StoredKey) => Maybe<unknown>
  /** The XML before it is signed, wherever a key is attested. */
  attestationXml?: (xml: string, key: StoredKey) => Maybe<string>
  signature?: (signature: Buffer, key: StoredKey) => Maybe<Uint8Array>
  /** The files of an export after signing and before zipping. */
  exportFiles?: (files: Map<string, Uint8Array>, key: StoredKey) => Maybe<ReadonlyMap<string, Uint8Array>>
  exportZip?: (zip: Buffer, key: StoredKey) => Maybe<Uint8Array>
  csr?: (pem: string, key: StoredKey) => Maybe<string>
}

export type Role = 'keyManagement' | 'keyOperation' | 'service'

export interface SimulatorOptions {
  readonly host?: string
  /** 0, the default, takes any free port. */
  readonly port?: number
  /** What version-info says; 2.5.1 by default. */
  readonly version?: string
  /** What licence-info says. Without `REST_API`, all calls but the service ones answer 403 with 451. */
  readonly clientFlags?: readonly string[]
  /** Accepted values of X-API-KEY by role. A role without a list needs no key. */
  readonly apiKeys?: Readonly<Partial<Record<Role, readonly string[]>>>
  /** When given, each call must carry it as `Authorization: Bearer`. */
  readonly bearerToken?: string
  /** The role of `/v1/certificate/**`: `management` as in newer TSBs (default), `operation` as in 2.2 (contract 7.3). */
  readonly certificateRole?: 'management' | 'operation'
  /** What a key of another role gets; 401 with 631 by default. The real one is unknown (contract 7.4). No `errorCode` means an empty body. */
  readonly wrongRole?: { readonly status: number; readonly errorCode?: 400 | 631 }
  /** Key Invalidation: deleted keys go to a bin that keeps their labels (contract 8.1). */
  readonly keepInvalidatedLabels?: boolean
  /** Whether a certificate object stays when its key is deleted; not by default. */
  readonly certificateOutlivesKey?: boolean
  readonly fileNaming?: FileNaming
  readonly rootInChain?: boolean
  /** The hierarchy to sign with; by default a new one. */
  readonly pki?: Pki
  /** The kind of attestation key in a new hierarchy; `rsa` by default. */
  readonly attestationKey?: AttestationKey
  /** The HSM's clock. */
  readonly clock?: () => Date
  readonly alter?: Alterations
  /** Is told of each request as it comes, before anything is checked. */
  readonly heard?: (request: RecordedRequest) => void
}

/** What the calls work on. */
export interface Context {
  readonly options: SimulatorOptions
  readonly pki: Pki
  readonly partition: Partition
  readonly alter: Alterations
  readonly now: () => Date
}

/** A request as a call sees it. */
export interface CallInput {
  /** The parsed JSON body; undefined where there was none. */
  readonly body: unknown
  /** The `{name}` of the path, decoded. */
  readonly name: string
}

export interface Answer {
  readonly status: number
  readonly body: Uint8Array
  readonly headers: Readonly<Record<string, string>>
}

/** An answer in JSON. */
export const jsonAnswer = (status: number, value: unknown): Answer =>
  ({ status, body: Buffer.from(JSON.stringify(value)), headers: { 'content-type': 'application/json' } })

/** An answer without a body. */
export const emptyAnswer = (status: number): Answer => ({ status, body: Buffer.alloc(0), headers: {} })

/** A file download. */
export const fileAnswer = (name: string, body: Uint8Array): Answer => ({
  status: 200,
  body,
  headers: { 'content-type': 'application/octet-stream', 'content-disposition': `attachment; filename="${encodeURIComponent(name)}"` },
})
