import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { curveNames, type KeyFlags } from './attestation-xml.ts'
import { signedKeyAttributes } from './attested.ts'
import { jsonAnswer, type Answer, type CallInput, type Context } from './options.ts'
import { isTaken, type StoredKey } from './partition.ts'
import { ecKeys, rsaKeys, type KeyPair } from './pki.ts'
import { hasRules } from './policy-xml.ts'
import { enumValue, fieldsOf, optionalFields, optionalFlag, optionalInteger, optionalText, password, requiredFields, requiredText, type Fields } from './request-fields.ts'
import { refusal } from './tsb-reasons.ts'

const ED25519 = '1.3.101.112'
const RSA_SIZES: readonly number[] = [2048, 3072, 4096, 8192]
const algorithms = ['EC', 'ED', 'RSA', 'DSA', 'ISS', 'BLS', 'AES', 'ChaCha20', 'Camellia', 'TDEA', 'ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'] as const
const algorithmOids: Readonly<Record<string, string>> = { '1.2.840.113549.1.1.1': 'RSA', '1.2.840.10045.2.1': 'EC', [ED25519]: 'ED' }

const generate = promisify(generateKeyPair)

/**
 * Makes a key (`POST /v1/key`, contract 2.3). The label is taken from the start, the key is there at the end: as in the real one, a
 * caller who asks in between is told 650.
 * @throws TsbRefusal 501, 600, 603, 606, 608, 610, 611, 621, 701.
 */
export async function createKey(context: Context, { body }: CallInput): Promise<Answer> {
  const { partition } = context
  const fields = fieldsOf(body)
  const label = requiredText(fields, 'label')
  const keyPassword = password(fields, 'password')
  const policy = optionalFields(fields, 'policy') ?? null
  const flags = readFlags(requiredFields(fields, 'attributes'), policy)
  const make = readAlgorithm(fields)
  // A slash starts a derivation path; the rest cannot stand in a file name, which keytool's run needs (contract 2.2).
  if (/[/\\\0]/.test(label)) throw refusal(610, `The key name '${label}' is not valid.`)
  if (isTaken(partition, label)) throw refusal(608, 'Could not create key. The key name is already in use.')
  partition.reserved.add(label)
  try {
    const created = context.now()
    const keys = await make()
    const key: StoredKey = {
      label, ...keys, id: optionalText(fields, 'id') ?? null, password: keyPassword, created, flags, useCount: 0, policy, creation: 'generated',
    }
    partition.keys.set(label, key)
    const answer = await signedKeyAttributes(context, key)
    return jsonAnswer(201, await context.alter.createAnswer?.(answer, key) ?? answer)
  } finally {
    partition.reserved.delete(label)
  }
}

/** Defaults of AttributesDto (contract 2.3): modifiable yes, destroyable no, copyable no. */
function readFlags(attributes: Fields, policy: Fields | null): KeyFlags {
  const [decrypt, sign, unwrap] = ['decrypt', 'sign', 'unwrap'].map((name) => {
    const value = optionalFlag(attributes, name)
    if (value === undefined) throw refusal(606, `The key attribute '${name}' is required.`)
    return value
  }) as [boolean, boolean, boolean]
  if (!decrypt && !sign && !unwrap) throw refusal(606, 'At least one operation (decrypt, sign, unwrap) must be allowed')
  const sensitive = optionalFlag(attributes, 'sensitive') ?? true
  const extractable = optionalFlag(attributes, 'extractable') ?? false
  if (extractable && policy !== null) throw refusal(606, 'The key attribute extractable can only be true for keys without smart key attributes.')
  return {
    decrypt, sign, unwrap,
    derive: optionalFlag(attributes, 'derive') ?? false,
    sensitive, alwaysSensitive: sensitive,
    extractable, neverExtractable: !extractable,
    modifiable: optionalFlag(attributes, 'modifiable') ?? true,
    copyable: optionalFlag(attributes, 'copyable') ?? false,
    destroyable: optionalFlag(attributes, 'destroyable') ?? false,
    unique: true,
  }
}

function readAlgorithm(fields: Fields): () => Promise<KeyPair> {
  const named = optionalText(fields, 'algorithm') ?? algorithmOids[requiredText(fields, 'algorithmOid')]
  const algorithm = enumValue(named, 'algorithm', algorithms)
  const keySize = optionalInteger(fields, 'keySize')
  const curveOid = optionalText(fields, 'curveOid')
  if (algorithm === 'RSA') {
    if (keySize === undefined || !RSA_SIZES.includes(keySize)) throw refusal(603, `The key size '${String(keySize ?? null)}' is not valid for algorithm RSA.`)
    return () => rsaKeys(keySize)
  }
  if (algorithm !== 'EC' && algorithm !== 'ED') throw refusal(611, `The simulator makes no keys of type ${algorithm}.`)
  if (curveOid === undefined) throw refusal(600, `Input validation failed: curveOid must not be null for algorithm ${algorithm}`)
  if (algorithm === 'ED') {
    if (curveOid !== ED25519) throw refusal(600, `Input validation failed: curveOid '${curveOid}' is not valid for algorithm ED`)
    return () => generate('ed25519')
  }
  const curve = curveNames[curveOid]
  if (curve === undefined) throw refusal(600, `Input validation failed: curveOid '${curveOid}' is not valid for algorithm EC`)
  return () => ecKeys(curve)
}

/** Tells whether an operation with the key needs approvals, which no synchronous call can carry (contract 6.3). */
export const needsApproval = (key: StoredKey): boolean => key.policy !== null && hasRules(key.policy)
