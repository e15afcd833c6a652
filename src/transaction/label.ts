import { ProblemError } from '../errors.ts'
import type { CreatedKey, CreateKeyBody } from '../tsb/create-key.ts'
import { KEY_PASSWORD_MISMATCH, TsbError } from '../tsb/tsb-error.ts'
import type { KeyReference } from '../tsb/key-reference.ts'
import type { Tsb } from '../tsb/tsb.ts'
import type { KeyDebt } from './key-debt.ts'

const taken = (): ProblemError => new ProblemError('key-label-taken', 'a key of this label exists at the HSM; it was left untouched')

/**
 * The look before a create under a caller's label: only the TSB's own word that there is no such key (404 with 650) lets the create go out.
 * A key that was there before could otherwise not be told from ours after a create whose answer was lost.
 * @throws ProblemError `key-label-taken` where a key answers, also where it answers that its password is another one (620); TsbError otherwise
 */
export async function refuseTakenLabel(tsb: Tsb, key: KeyReference, signal: AbortSignal): Promise<void> {
  const found = await tsb.keyAttributes(key, signal).catch((error: unknown) => {
    if (error instanceof TsbError && error.extras.upstream?.errorCode === KEY_PASSWORD_MISMATCH) throw taken()
    throw error
  })
  if (found !== undefined) throw taken()
}

/**
 * Creates the key and writes down what is known of it: that the request leaves, then the public key that came back.
 * @throws TsbError, or ProblemError of the journal; the effect decides whether anything has to be taken back
 */
export async function createFreshKey(tsb: Tsb, body: CreateKeyBody, debt: KeyDebt, signal: AbortSignal): Promise<CreatedKey> {
  const leaves = await debt.createLeaves()
  try {
    const created = await tsb.createKey(body, leaves, signal)
    if (debt.isOlder(created)) {
      throw new TsbError('create-key', 'key-label-taken', 'the TSB answered create-key with a key that was there before; it was left untouched', { effect: 'none' })
    }
    await debt.created(created.publicKey)
    return created
  } catch (error) {
    // A fresh label can only be taken by a copy of this very request that was repeated on the way: that key is ours to remove.
    if (debt.labelIsOurs && error instanceof TsbError && error.code === 'key-label-taken') {
      throw new TsbError('create-key', 'tsb-error', 'the HSM says that the fresh label of this transaction exists already', {
        effect: 'unknown', ...(error.extras.upstream && { upstream: error.extras.upstream }), cause: error,
      })
    }
    throw error
  }
}
