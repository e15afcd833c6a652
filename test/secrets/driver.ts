import type { Grep } from './planted.ts'
import { CALLER } from './settings.ts'

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The problem's code; undefined where it is none. */
  readonly code: string | undefined
}

/** Sends requests as a caller with credentials, and keeps every byte of every answer for the grep. */
export interface Driver {
  ask(path: string, init?: RequestInit): Promise<Reply>
  post(body: unknown, headers?: Readonly<Record<string, string>>): Promise<Reply>
  /** The codes of all problems so far. */
  readonly codes: ReadonlySet<string>
}

/** @param url where the service listens */
export function openDriver(url: string, grep: Grep): Driver {
  const codes = new Set<string>()
  const ask = async (path: string, init: RequestInit = {}): Promise<Reply> => {
    const answer = await fetch(url + path, { ...init, headers: { ...CALLER, ...init.headers as Record<string, string> } })
    const bytes = Buffer.from(await answer.arrayBuffer())
    const text = bytes.toString('latin1')
    const { status, headers } = answer
    // A zip of this service is not compressed, so its bytes show what is in it.
    grep.add(`answer ${status} to ${init.method ?? 'GET'} ${path.slice(0, 60)}`, Buffer.concat([Buffer.from(`${answer.statusText}\n${JSON.stringify([...headers])}\n`), bytes]))
    const code = headers.get('content-type') === 'application/problem+json' ? String((JSON.parse(text) as { code: unknown }).code) : undefined
    if (code !== undefined) codes.add(code)
    return { status, headers, text, code }
  }
  return {
    ask, codes,
    post: (body, headers = {}) => ask('/v1/attestation-bundles', {
      method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body),
    }),
  }
}
