import type { CreateKeyBody } from '../tsb/create-key.ts'
import type { KeyAttributes } from '../tsb/key-attributes.ts'
import { KEY_PASSWORD_MISMATCH, TsbError } from '../tsb/tsb-error.ts'
import type { KeyReference } from '../tsb/key-reference.ts'
import type { Tsb } from '../tsb/tsb.ts'

/** A key that a transaction may have made and must take back. Plain data, so that a journal can hold it. */
export interface OwedKey {
  readonly key: KeyReference
  /** What create-key was asked for. */
  readonly body: CreateKeyBody
  /** The label holds the transaction's id: nobody else makes a key of that name. */
  readonly labelIsOurs: boolean
  /** When the create request left, milliseconds by the clock of `RemovalOptions.now`. */
  readonly sentAt: number
  /** DER SubjectPublicKeyInfo, where create-key's answer was read. */
  readonly publicKey?: Uint8Array
  /** The CSR call was made, which may have left a certificate under the label. */
  readonly certificate: boolean
  /** The key has a password, and a recovery does not have it. */
  readonly passwordLost?: boolean
}

export type Removal =
  /** `heldUntil`: the key is gone, but a delete that went unanswered may still arrive, and must not find another one's key under the label. */
  | { readonly state: 'removed'; readonly heldUntil?: number }
  /**
   * Not settled yet. `refused`: the TSB answered and would not, as opposed to not answering. `onlyLateLooks`: nothing is there, and the label
   * is nobody else's, so nobody needs to wait for what is left to do. `deleteUnderWay`: a delete went unanswered.
   */
  | {
    readonly state: 'owed'; readonly reason: string; readonly refused: boolean; readonly notBefore?: number; readonly onlyLateLooks?: boolean
    readonly deleteUnderWay?: true
  }
  /** What is there can't be shown to be ours, so it is left alone. */
  | { readonly state: 'abandoned'; readonly reason: string }

/** Under a label of our own nothing waits for the label, so a create that lands late is looked for once more after ten minutes and after an hour. */
const LATE_LOOKS_MS = [600_000, 3_600_000]

/** Why a row waits whose key is gone. */
export const DELETE_UNDER_WAY = 'the key is gone, but a delete of it went unanswered and may still arrive; its label is held until then'

const PASSWORD_LOST = 'the key asks for its password, which the journal was not allowed to keep (JOURNAL_ENCRYPTION_KEY)'

export interface RemovalOptions {
  /** Milliseconds; only differences count. */
  readonly now: () => number
  /** How long a create, or a delete, whose answer was lost may still land. */
  readonly settleAfterMs: number
  /** An earlier look or delete was already answered 650. */
  readonly absentBefore: boolean
  /** A delete of an earlier try, or of another process, may have left and was not heard of. */
  readonly deleteUnderWay: boolean
  /** Limits this try. */
  readonly signal: AbortSignal
  /**
   * Awaited just before a delete leaves; throws where nobody can say any more that the label is this transaction's. A delete names only the
   * label: sent by a process that stood still for longer than its lease, it would meet whatever key has the label by then. What it resolves
   * to says the same once more, when a connection stands.
   */
  deleteLeaves(): Promise<() => void>
  /**
   * Set by a recovery, which knows the key only from the journal: look first, and leave a key alone that was used more often than this. A
   * journal that was restored from before would otherwise destroy a key that is in use (design: "The journal").
   */
  readonly mostUses?: number
}

/**
 * One try at taking a key back, in the order of the promises: first, never delete what this transaction did not create; second, never
 * forget what it did.
 * @param owed the key
 * @returns what is known now; never throws: what goes wrong here leaves the key owed
 */
export async function removeKey(tsb: Tsb, owed: OwedKey, options: RemovalOptions): Promise<Removal> {
  const begun = options.now()
  let underWay = options.deleteUnderWay
  const removal = await attempt(tsb, owed, options, () => { underWay = true }).catch((error: unknown) => failed(error, owed))
  if (!underWay || owed.labelIsOurs) return removal
  if (removal.state === 'removed') return { ...removal, heldUntil: options.now() + options.settleAfterMs }
  const waitsAnyway = removal.state === 'abandoned' || (removal.notBefore !== undefined && removal.notBefore >= begun + options.settleAfterMs)
  return waitsAnyway ? removal : { ...removal, deleteUnderWay: true }
}

function failed(error: unknown, { passwordLost }: OwedKey): Removal {
  if (passwordLost === true && error instanceof TsbError && error.extras.upstream?.errorCode === KEY_PASSWORD_MISMATCH) {
    return { state: 'abandoned', reason: PASSWORD_LOST }
  }
  // A gateway's page or a technical fault is no refusal: only what the TSB itself said, with a code, and did not call passing.
  if (error instanceof TsbError) return { state: 'owed', reason: error.detail, refused: error.extras.upstream?.errorCode !== undefined && !error.transient }
  return { state: 'owed', reason: 'the service failed while it removed the key', refused: false }
}

async function attempt(tsb: Tsb, owed: OwedKey, options: RemovalOptions, unheard: () => void): Promise<Removal> {
  if (!owed.labelIsOurs || options.mostUses !== undefined) {
    const found = await look(tsb, owed, options.signal)
    if (found === 'password-refused') {
      if (!owed.labelIsOurs) return { state: 'abandoned', reason: owed.passwordLost === true ? PASSWORD_LOST : 'a key of this label exists and refuses the password of this transaction' }
    } else if (found === undefined) {
      // No delete goes out on the chance: another transaction may get the label before it arrives.
      return absent(tsb, owed, options)
    } else {
      const doubt = (owed.labelIsOurs ? undefined : doubtAbout(found, owed, options.now())) ?? usedTooOften(found, options.mostUses)
      if (doubt !== undefined) return { state: 'abandoned', reason: `a key of this label exists, but ${doubt}` }
    }
  }
  const answer = await sendDelete(tsb, owed, options, unheard)
  if (answer === 'absent') return absent(tsb, owed, options)
  const left = await look(tsb, owed, options.signal)
  if (left === 'password-refused' || (left !== undefined && sameKey(left, owed))) {
    return { state: 'owed', reason: 'the TSB said that it deleted the key, but the key still answers', refused: true }
  }
  return keyGone(tsb, owed, options.signal)
}

/** @param unheard called where a delete left and may still be under way, because nobody heard its answer */
async function sendDelete(tsb: Tsb, owed: OwedKey, options: RemovalOptions, unheard: () => void): Promise<'deleted' | 'absent'> {
  let sent = false
  try {
    return await tsb.deleteKey(owed.key, async () => {
      // It is sent again because it went unanswered.
      if (sent) unheard()
      const leaves = await options.deleteLeaves()
      return () => {
        leaves()
        sent = true
      }
    }, options.signal)
  } catch (error) {
    const answered = error instanceof TsbError && (error.effect === 'none' || error.extras.upstream?.errorCode !== undefined)
    if (sent && !answered) unheard()
    throw error
  }
}

/** Best effort: the CSR call may have left a self-signed certificate. What becomes of it changes nothing. */
async function keyGone(tsb: Tsb, owed: OwedKey, signal: AbortSignal): Promise<Removal> {
  if (owed.certificate) await tsb.deleteCertificate(owed.key.label, signal).catch(() => undefined)
  return { state: 'removed' }
}

function usedTooOften(found: KeyAttributes, most: number | undefined): string | undefined {
  return most !== undefined && !(Number(found.keyUsageCount ?? 0) <= most) ? 'it has been used more often than this transaction used it' : undefined
}

async function look(tsb: Tsb, owed: OwedKey, signal: AbortSignal): Promise<KeyAttributes | 'password-refused' | undefined> {
  return tsb.keyAttributes(owed.key, signal).catch((error: unknown) => {
    if (error instanceof TsbError && error.extras.upstream?.errorCode === KEY_PASSWORD_MISMATCH) return 'password-refused' as const
    throw error
  })
}

async function absent(tsb: Tsb, owed: OwedKey, options: RemovalOptions): Promise<Removal> {
  if (owed.publicKey === undefined) return unseen(owed, options)
  // We saw this key made, so its absence is odd (a wrong partition answers 650 too): believe only a second look, later.
  if (options.absentBefore) return keyGone(tsb, owed, options.signal)
  const reason = 'the TSB says that the key it made does not exist'
  return { state: 'owed', reason, refused: false, notBefore: options.now() + options.settleAfterMs }
}

/** A create whose answer was lost left no key that is seen: it may still land, so one look settles nothing. */
function unseen(owed: OwedKey, options: { now: () => number; settleAfterMs: number }): Removal {
  const age = options.now() - owed.sentAt
  const looks = owed.labelIsOurs ? [options.settleAfterMs, ...LATE_LOOKS_MS.filter((late) => late > options.settleAfterMs)] : [options.settleAfterMs]
  const next = looks.find((after) => age < after)
  if (next === undefined) return { state: 'removed' }
  return { state: 'owed', reason: 'no key is seen yet; if create-key was sent, one may still appear', refused: false, notBefore: owed.sentAt + next, onlyLateLooks: next > options.settleAfterMs }
}

const sameKey = (found: KeyAttributes, owed: OwedKey): boolean => owed.publicKey === undefined || found.publicKey?.equals(owed.publicKey) === true

/**
 * Is the key that answers under a caller's label the one that this transaction made? With a read create answer the public key decides.
 * Without one, everything that was sent must be there, the key must be unused, and by the HSM's own clock not older than our request.
 * @returns what speaks against it, or undefined where nothing does
 */
function doubtAbout(found: KeyAttributes, owed: OwedKey, now: number): string | undefined {
  if (owed.publicKey !== undefined) return sameKey(found, owed) ? undefined : 'its public key is not the one that create-key answered'
  const { body } = owed
  if (found.label !== body.label) return 'its label differs'
  if (found.algorithm !== body.algorithm) return 'its algorithm differs'
  if (body.keySize !== undefined && found.keySize !== body.keySize) return 'its size differs'
  if (body.curveOid !== undefined && found.curveOid !== body.curveOid && body.algorithm !== 'ED') return 'its curve differs'
  const attributes = (found.attributes ?? {}) as Readonly<Record<string, unknown>>
  const different = Object.entries(body.attributes).find(([name, value]) => attributes[name] !== value)
  if (different !== undefined) return `its attribute ${different[0]} differs`
  if ((found.keyUsageCount ?? 0) !== 0) return 'it has been used'
  if (!(ageOf(found) <= now - owed.sentAt + ROUNDING_MS)) return 'it is older than this transaction'
  return undefined
}

/** Both times are whole seconds of the HSM's clock. */
const ROUNDING_MS = 2_000

/** Age in milliseconds when the HSM attested the key, by its own clock; NaN where a time is missing or unreadable. */
const ageOf = (found: KeyAttributes): number => Date.parse(String(found.attestTime)) - Date.parse(String(found.createTime))

/**
 * Whether the HSM's own clock says that a key was there before a request left. A key without readable times is not called older.
 * @param elapsedMs time since the request left
 */
export function isOlderThan(found: KeyAttributes, elapsedMs: number): boolean {
  return ageOf(found) > elapsedMs + ROUNDING_MS
}
