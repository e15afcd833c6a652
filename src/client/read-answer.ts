import { checkedDigest } from './digest.ts'
import { NoAnswer } from './errors.ts'
import type { Attempt, Success } from './exchange.ts'
import type { Bundle } from './types.ts'

const ENDING = '-attestation-bundle.zip'

/**
 * Reads a bundle, and hands out no byte that `repr-digest` does not vouch for.
 * @throws NoAnswer
 */
export async function readBundle({ status, headers, bytes }: Success, attempt: Attempt): Promise<Bundle> {
  const fileName = /^attachment; filename="([A-Za-z0-9][A-Za-z0-9._-]*)"$/.exec(headers.get('content-disposition') ?? '')?.[1]
  if (headers.get('content-type') !== 'application/zip' || fileName?.endsWith(ENDING) !== true || headers.get('repr-digest') === null) throw foreign(status, attempt)
  const sha256 = await checkedDigest(bytes, headers.get('repr-digest'))
  if (sha256 === undefined) throw new NoAnswer('broken', 'the bundle is not what its repr-digest says', attempt, { cause: attempt.cause })
  return { id: headers.get('location')?.replace(/^.*\//, '') ?? '', label: fileName.slice(0, -ENDING.length), fileName, bytes, sha256 }
}

/**
 * Reads JSON of the service. Its shape is the contract's: the types are the schemas that the service answers by.
 * @throws NoAnswer where it is no JSON
 */
export async function readJson<T>({ status, headers, bytes }: Success, attempt: Attempt): Promise<T> {
  if (headers.get('content-type') !== 'application/json') throw foreign(status, attempt)
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as T
  } catch (error) {
    throw new NoAnswer('broken', 'the answer is no JSON', attempt, { cause: error })
  }
}

const foreign = (status: number, attempt: Attempt): NoAnswer =>
  new NoAnswer('foreign', `an answer with status ${status} that is not the service's`, attempt, { status, cause: attempt.cause })
