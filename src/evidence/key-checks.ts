import { createHash } from 'node:crypto'
import { readAttestation } from './attestation-xml.ts'
import { check, failed, passed, warning } from './check.ts'
import type { Finding } from './check.ts'
import type { AttestedKey, KeyFlag, RequestedKey } from './evidence.ts'
import { DEFAULT_CURVES, describeKey, EC_PUBLIC_KEY, ED25519, fieldBits, flawOf, readPublicKey, RSA_ENCRYPTION, SECP256K1 } from './public-key.ts'
import type { PublicKey } from './public-key.ts'
import { clean } from './text.ts'

export const keyWellFormed = check('key.well-formed', ['xml'], ({ xml }) => {
  const key = readAttestation(xml)
  if (typeof key === 'string') return failed(key)
  const publicKey = readPublicKey(key.publicKey)
  if (!publicKey) return failed('Expected an RSA, EC or Ed25519 public key in the attestation; it has another kind.')
  const vouched = { key, publicKey }
  const facts = {
    label: clean(key.label),
    publicKeySha256: createHash('sha256').update(key.publicKey).digest('hex'),
    keyKind: describeKey(publicKey),
    createTime: key.createTime,
    attestTime: key.attestTime,
    ...(key.keyUseCount !== undefined && { keyUseCount: key.keyUseCount }),
  }
  if (key.unknown.length > 0) {
    return warning(`The attestation has ${key.unknown.length} element(s) or attribute(s) that are not documented: ${clean(key.unknown.slice(0, 3).join(', '))}.`, { vouched, facts })
  }
  return passed('The attestation is plain XML and has every element once.', { vouched, facts })
})

/** An imported key also says never_extractable=true (vendor's slip10.md), so only these two tell where it was made. */
export const keyGenerated = check('key.generated', ['key'], ({ key }) => {
  const storage = key.storage === undefined ? '' : ` with storage "${clean(key.storage)}"`
  if (key.creation === 'generated' && key.storage === undefined) return passed('The key was generated inside the HSM and is kept there.')
  return failed(`Expected a key generated and kept inside the HSM; creation is "${clean(key.creation)}"${storage}.`)
})

/** There is no nonce in the evidence: the label is the only thing in it that the requester chose, so it stops a replay of other evidence. */
export const keyLabel = check('key.label', ['key'], ({ key }, { request }) => {
  if (!request) return undefined
  if (key.label === request.label) return passed(`The attested key has the label ${clean(key.label)}.`)
  return failed(`Expected the label ${clean(request.label)}; the attestation is about ${clean(key.label)}.`)
}, 'request')

export const keyKind = check('key.kind', ['key', 'publicKey'], ({ key, publicKey }, { request }) => {
  const contradiction = contradictionIn(key, publicKey)
  if (contradiction) return failed(contradiction)
  const kind = describeKey(publicKey)
  if (!request) return passed(`The key is ${kind}, and all that the attestation says of it agrees.`)
  const asked = request.algorithm === 'RSA' ? `RSA-${request.keySize}` : request.algorithm === 'EC' ? `EC ${request.curveOid}` : 'Ed25519'
  const isCurve = publicKey.kind === 'RSA' || (request.curveOid ?? (request.algorithm === 'ED' ? ED25519 : '')) === publicKey.curveOid
  if (asked === kind && isCurve) return passed(`The key is ${kind}, as requested.`)
  return failed(`Expected a key of the kind ${clean(asked)}; it is ${kind}.`)
})

/** The public key decides; what the attestation says beside it must not contradict it. Ed25519 has neither size nor curve (samples of 2024); for EC no size is documented. */
function contradictionIn(key: AttestedKey, publicKey: PublicKey): string | undefined {
  const expected = {
    algorithm: publicKey.kind,
    algorithmOid: { RSA: RSA_ENCRYPTION, EC: EC_PUBLIC_KEY, ED: ED25519 }[publicKey.kind],
    keySize: publicKey.kind === 'RSA' ? publicKey.bits : fieldBits(publicKey.curveOid),
    curveOid: publicKey.kind === 'RSA' ? undefined : publicKey.curveOid,
  }
  if (key.algorithm !== expected.algorithm) return `Expected algorithm ${expected.algorithm}, which the public key has; the attestation says "${clean(key.algorithm)}".`
  for (const name of ['algorithmOid', 'keySize', 'curveOid'] as const) {
    if (key[name] !== undefined && key[name] !== expected[name]) {
      return `Expected ${name} ${expected[name] ?? 'to be absent'}, going by the public key; the attestation says ${clean(String(key[name]))}.`
    }
  }
  return undefined
}

export const keyNotExtractable = flagsCheck('key.not-extractable', { extractable: false, never_extractable: true }, 'The key cannot leave the HSM and never could.')
export const keySensitive = flagsCheck('key.sensitive', { sensitive: true, always_sensitive: true }, 'The key cannot be read in clear and never could.')
/** copyable=true: the key can be externalized (release notes 1.15.0). */
export const keyNotCopyable = flagsCheck('key.not-copyable', { copyable: false }, 'The key cannot be copied.')

function flagsCheck(id: string, expected: Partial<Record<KeyFlag, boolean>>, sentence: string): ReturnType<typeof check> {
  return check(id, ['key'], ({ key }) => {
    const wrong = Object.entries(expected).filter(([flag, value]) => key.attributes[flag as KeyFlag] !== value)
    if (wrong.length === 0) return passed(sentence)
    return failed(`Expected ${wrong.map(([flag, value]) => `${flag}=${value}`).join(' and ')}; the attestation says the opposite.`)
  })
}

export const keySinglePurpose = check('key.single-purpose', ['key'], ({ key: { attributes } }, { request }) => {
  if (!attributes.sign) return failed('Expected sign=true; the key cannot sign.')
  const others = ['decrypt', 'unwrap', 'derive'] as const
  const wrong = others.filter((flag) => attributes[flag] !== (request?.[flag] ?? false))
  if (wrong.length === 0) return passed(request ? 'The key signs, and does nothing else that was not requested.' : 'The key signs and does nothing else.')
  const stated = wrong.map((flag) => `${flag}=${attributes[flag]}`).join(', ')
  if (request) return failed(`Expected decrypt, unwrap and derive as requested; the attestation says ${stated}.`)
  // Signing keys in the field have decrypt=true, and nobody here knows what was asked.
  return warning(`Expected a key that only signs; the attestation says ${stated}.`)
})

export const keyPlain = check('key.plain', ['key'], ({ key }, { request }) => {
  if (key.blocked) return failed('Expected a key that is not blocked; the attestation says blocked=true.')
  const extras = [...(key.policy ? ['an approval policy'] : []), ...(key.derivationValue !== undefined ? ['a derivation value'] : [])].join(' and ')
  if (extras !== '') return request ? failed(`Expected a key without policy and derivation value; it has ${extras}.`) : warning(`The key has ${extras}.`)
  const remarks = remarksOn(key, request)
  return remarks.length === 0 ? passed('The key has no policy and no derivation value, and is not blocked.') : warning(`${remarks.join(' ')}`)
})

function remarksOn({ attributes }: AttestedKey, request: RequestedKey | undefined): string[] {
  const remarks: string[] = []
  if (!attributes.unique) remarks.push('Expected unique=true; the attestation says unique=false.')
  if (request && attributes.modifiable !== request.modifiable) remarks.push(`Expected modifiable=${request.modifiable}; the attestation says ${attributes.modifiable}.`)
  return remarks
}

export const keyStrength = check('key.strength', ['key', 'publicKey'], ({ key, publicKey }, { allowedCurves }) => {
  const curves = allowedCurves ?? [...DEFAULT_CURVES, SECP256K1]
  const flaw = flawOf(publicKey, key.publicKey, curves)
  if (flaw) return failed(`Expected a sound key of an accepted size or curve; ${flaw}.`)
  if (!allowedCurves && publicKey.kind === 'EC' && publicKey.curveOid === SECP256K1) return warning('The curve secp256k1 is for blockchains; no certification authority is known to take it.')
  return passed(`The numbers of the ${describeKey(publicKey)} key are sound.`)
})

/** The HSM may use a key for its own CSR and for the certificate that the TSB leaves on it (since 1.16.1): two uses are ours. */
const USES_OF_OUR_OWN = 2

export const keyUnused = check('key.unused', ['key'], ({ key: { keyUseCount } }): Finding => {
  if (keyUseCount === undefined) return passed('The attestation states no use of the key.')
  if (keyUseCount <= USES_OF_OUR_OWN) return passed(`The key was used ${keyUseCount} time(s); its own CSR accounts for that.`)
  return warning(`Expected at most ${USES_OF_OUR_OWN} uses, which the CSR accounts for; the key was used ${keyUseCount} times.`)
})

/** Clocks of HSM and service agree within this; the window is in whole seconds, like the HSM's times. */
const ROUNDING_MS = 1000
/** Without a window, an attestation from the future is still wrong; five minutes for clocks that differ. */
const FUTURE_MS = 5 * 60 * 1000

export const keyFresh = check('key.fresh', ['key'], ({ key }, { window, verifiedAt }) => {
  const created = Date.parse(key.createTime)
  const attested = Date.parse(key.attestTime)
  if (!(created <= attested)) return failed(`Expected a key that was made before it was attested; it was made ${key.createTime} and attested ${key.attestTime}.`)
  if (!window) {
    if (attested > verifiedAt.getTime() + FUTURE_MS) return failed(`Expected an attestation from the past; its time is ${key.attestTime}.`)
    return undefined
  }
  const slack = ROUNDING_MS + window.clockSkewSeconds * 1000
  const from = Math.floor(window.from.getTime() / 1000) * 1000 - slack
  const to = Math.ceil(window.to.getTime() / 1000) * 1000 + slack
  if (from <= created && attested <= to) return passed(`The key was made ${key.createTime} and attested ${key.attestTime}, within this transaction.`)
  return failed(`Expected times between ${time(from)} and ${time(to)}; the key was made ${key.createTime} and attested ${key.attestTime}.`)
}, 'window')

function time(milliseconds: number): string {
  const date = new Date(milliseconds)
  return Number.isNaN(date.getTime()) ? 'an unknown time' : date.toISOString().replace('.000Z', 'Z')
}
