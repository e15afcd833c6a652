import { createHash, timingSafeEqual } from 'node:crypto'
import type { WatchedFiles } from '../settings/watched-files.ts'
import { BEARER_CHALLENGE, callerOf, type Authenticator } from './authenticator.ts'
import { bearerToken } from './bearer.ts'
import type { Client } from './clients.ts'

/**
 * Callers with an API key. The keys are random and long, so one round of SHA-256 keeps them as well as a slow hash keeps a password.
 * @param clients read again when their file changes
 */
export function apiKeys(clients: WatchedFiles<readonly Client[]>): Authenticator {
  return {
    challenge: BEARER_CHALLENGE,
    perConnection: false,
    check(request) {
      const key = bearerToken(request)
      if (typeof key !== 'string') return key
      const presented = createHash('sha256').update(key).digest()
      let found: Client | undefined
      // All of them, however early one fits: how long it takes says nothing about whose key it is, or how much of it was right.
      for (const client of clients.current()) {
        for (const hash of client.keyHashes) if (timingSafeEqual(hash, presented)) found = client
      }
      return callerOf(found)
    },
  }
}
