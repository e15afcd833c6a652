import type { IncomingMessage } from 'node:http'
import type { Client } from './clients.ts'

/** Who sent a request. */
export interface Caller {
  readonly id: string
  /** Patterns of the labels it may use. */
  readonly labels: readonly string[]
}

/** Why a credential was refused. For operators only: every caller gets the same answer. */
export type Refusal = 'missing' | 'malformed' | 'invalid' | 'expired' | 'unknown-client'

/** Exactly one of the three. */
export type Outcome =
  | { readonly caller: Caller }
  /** `detail`: what an operator needs beside it; never the credential, and nothing of one that was not verified. */
  | { readonly refused: Refusal; readonly detail?: string }
  /** The credential may be good, but what it is checked against cannot be had. */
  | { readonly unavailable: string }

/** A request whose caller was not found. */
export interface Refused {
  readonly reason: Refusal | 'keys-unavailable'
  /** Of the caller, as TRUST_PROXY says; of IPv6 the network of 64 bits that one customer has. */
  readonly address: string
  readonly detail?: string
  /** This address was told `too-many-requests`. */
  readonly limited: boolean
  /** The last attempt of this address that is logged one by one. */
  readonly last: boolean
}

export interface Authenticator {
  /** What a 401 says in `www-authenticate`, whatever the cause (RFC 9110, section 11.6.1). */
  readonly challenge: string
  /** A refused caller needs a new connection to show another credential. */
  readonly perConnection: boolean
  /** Finds the caller of a request from its head; the body is not read yet. */
  check(request: IncomingMessage): Outcome | Promise<Outcome>
}

/** RFC 6750, section 3: at least one parameter. No `error`, which would tell one cause from another. */
export const BEARER_CHALLENGE = 'Bearer realm="attestation-bundler"'

/** @returns the client as a caller, or that there is none */
export function callerOf(client: Client | undefined, detail?: string): Outcome {
  if (client !== undefined) return { caller: { id: client.id, labels: client.labels } }
  return { refused: 'unknown-client', ...(detail !== undefined && { detail }) }
}
