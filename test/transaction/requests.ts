import { order } from '../support/service.ts'

/** A request as a caller can send it again. */
export interface CallerRequest {
  /** How the label of its key begins, or all of it. */
  readonly name: string
  readonly body: unknown
  readonly headers: Record<string, string>
}

/** The three kinds of requests that differ in how their key can be found and taken back. */
export const REQUESTS = {
  'a label': (name: string): CallerRequest => ({ name, body: order(name), headers: {} }),
  'a label prefix': (name: string): CallerRequest => {
    const { key: { label, ...key }, csr } = order(name)
    return { name, body: { key: { ...key, labelPrefix: label }, csr }, headers: {} }
  },
  'an Idempotency-Key and a key password': (name: string): CallerRequest =>
    ({ name, body: order(name, { password: 'p4ss, "w0rd"' }), headers: { 'idempotency-key': name } }),
}

export type RequestKind = keyof typeof REQUESTS
