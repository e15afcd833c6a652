import { ProblemError, type FieldError } from '../errors.ts'
import type { ProfileName } from '../profiles/profiles.ts'
import type { Order } from '../transaction/order.ts'
import { faultsOfLabel } from './label-rules.ts'
import { SIGNATURE_ALGORITHMS, type OrderBody } from './schemas/order.ts'

/** Room for a hyphen and a transaction id behind a prefix; the id itself can't spoil a label, so any will do for the check. */
const ANY_ID = '00000000-0000-0000-0000-000000000000'

/** Curves that both the TSB (contract, section 2.3) and this service's checks know. A curve that can't be verified can't be attested. */
const CURVES: Readonly<Record<string, 'SHA256' | 'SHA384' | 'SHA512'>> = {
  '1.2.840.10045.3.1.7': 'SHA256', // P-256
  '1.3.132.0.34': 'SHA384', // P-384
  '1.3.132.0.35': 'SHA512', // P-521
  '1.3.132.0.10': 'SHA256', // secp256k1
  '1.3.36.3.3.2.8.1.1.7': 'SHA256', // brainpoolP256r1
  '1.3.36.3.3.2.8.1.1.11': 'SHA384', // brainpoolP384r1
  '1.3.36.3.3.2.8.1.1.13': 'SHA512', // brainpoolP512r1
}
const ED25519 = '1.3.101.112'

/**
 * Turns a body that fits the schema into an order: defaults filled in, and the rules that span fields checked. Nothing is ever corrected
 * silently, and nothing is sent to the TSB before all of this holds.
 * @param body the request body, already valid by its schema
 * @param defaultProfile used where the body names none
 * @throws ProblemError `invalid-request`, `key-not-attestable` or `rollback-impossible`, each with JSON pointers to every fault
 */
export function readOrder(body: OrderBody, defaultProfile: ProfileName): Order {
  const { key, csr } = body
  const algorithm = key.algorithm ?? 'RSA'
  const password = charactersOf(key.password)
  const signatureAlgorithm = csr.signatureAlgorithm ?? suitableAlgorithm(algorithm, key.curveOid)

  const faults: FieldError[] = [
    ...labelFaults(key),
    ...keyKindFaults(key, algorithm),
    ...csrFaults(body, algorithm, signatureAlgorithm, password),
    ...lookAlikes(csr.standardCertificateAttributes),
  ]
  if (faults.length > 0) throw new ProblemError('invalid-request', summary(faults), { errors: faults })
  refuseUnattestable(key.attributes ?? {})

  const { modifiable = false, decrypt = false, unwrap = false, derive = false } = key.attributes ?? {}
  const { keyUsage = ['DIGITAL_SIGNATURE'], extendedKeyUsage = [] } = csr
  return {
    label: key.label !== undefined ? { kind: 'exact', value: key.label } : { kind: 'prefix', value: key.labelPrefix! },
    ...(password !== undefined && { password }),
    key: {
      algorithm,
      ...(algorithm === 'RSA' ? { keySize: key.keySize ?? 4096 } : { curveOid: key.curveOid! }),
      attributes: { sign: true, extractable: false, modifiable, destroyable: true, sensitive: true, copyable: false, decrypt, unwrap, derive },
    },
    csr: {
      signatureAlgorithm,
      validity: csr.validity ?? 365,
      standardCertificateAttributes: csr.standardCertificateAttributes,
      ...(keyUsage.length > 0 && { keyUsage }),
      ...(extendedKeyUsage.length > 0 && { extendedKeyUsage }),
    },
    profile: body.profile ?? defaultProfile,
  }
}

/** One sentence for several faults: the pointers say the rest. */
export function summary(faults: readonly FieldError[]): string {
  const [first] = faults
  return faults.length === 1 && first !== undefined ? `${first.pointer === '' ? 'the body' : first.pointer}: ${first.detail}` : `${faults.length} fields are not as they should be`
}

function charactersOf(password: OrderBody['key']['password'] | OrderBody['csr']['keyPassword']): readonly string[] | undefined {
  if (password === undefined || password === null) return undefined
  return typeof password === 'string' ? [...password] : password
}

function labelFaults({ label, labelPrefix }: OrderBody['key']): FieldError[] {
  if ((label === undefined) === (labelPrefix === undefined)) {
    return [{ pointer: '/key', detail: 'exactly one of label and labelPrefix must be given' }]
  }
  return label !== undefined ? faultsOfLabel(label, '/key/label') : faultsOfLabel(`${labelPrefix}-${ANY_ID}`, '/key/labelPrefix')
}

function keyKindFaults({ keySize, curveOid }: OrderBody['key'], algorithm: 'RSA' | 'EC' | 'ED'): FieldError[] {
  if (algorithm === 'RSA') return curveOid === undefined ? [] : [{ pointer: '/key/curveOid', detail: 'is for EC and ED keys only' }]
  const faults: FieldError[] = keySize === undefined ? [] : [{ pointer: '/key/keySize', detail: 'is for RSA keys only' }]
  if (curveOid === undefined) return [...faults, { pointer: '/key/curveOid', detail: 'is required for EC and ED keys' }]
  const known = algorithm === 'EC' ? curveOid in CURVES : curveOid === ED25519
  const expected = algorithm === 'EC' ? Object.keys(CURVES).join(', ') : `${ED25519} (Ed25519)`
  return known ? faults : [...faults, { pointer: '/key/curveOid', detail: `this service can verify ${expected}` }]
}

function suitableAlgorithm(algorithm: 'RSA' | 'EC' | 'ED', curveOid: string | undefined): (typeof SIGNATURE_ALGORITHMS)[number] {
  if (algorithm === 'RSA') return 'SHA256_WITH_RSA'
  return algorithm === 'ED' ? 'EDDSA' : `${CURVES[curveOid ?? ''] ?? 'SHA256'}_WITH_ECDSA`
}

const FAMILY = { RSA: '_WITH_RSA', EC: '_WITH_ECDSA', ED: 'EDDSA' }

function csrFaults({ key, csr }: OrderBody, algorithm: 'RSA' | 'EC' | 'ED', signatureAlgorithm: string, password: readonly string[] | undefined): FieldError[] {
  const faults: FieldError[] = []
  if (csr.signKeyName !== undefined && csr.signKeyName !== key.label) {
    faults.push({ pointer: '/csr/signKeyName', detail: 'must equal key.label, or be left out' })
  }
  if (csr.keyPassword !== undefined && charactersOf(csr.keyPassword)?.join('') !== password?.join('')) {
    faults.push({ pointer: '/csr/keyPassword', detail: 'must equal key.password, or be left out' })
  }
  if (!signatureAlgorithm.endsWith(FAMILY[algorithm])) {
    faults.push({ pointer: '/csr/signatureAlgorithm', detail: `does not suit a key of algorithm ${algorithm}` })
  }
  return faults
}

/**
 * The Greek question mark becomes a semicolon under every Unicode normalization, a full-width comma becomes a comma under two of them: whoever
 * normalizes a name behind us, Java's X500Principal for one, would read an attribute that nobody asked for.
 */
function lookAlikes(subject: OrderBody['csr']['standardCertificateAttributes']): FieldError[] {
  return Object.entries(subject).filter(([, value]) => /[,+="\\<>;#\p{Cc}]/u.test(value.normalize('NFKD')))
    .map(([name]) => ({ pointer: `/csr/standardCertificateAttributes/${name}`, detail: 'must not hold a look-alike of , + = " \\ < > ; # either' }))
}

function refuseUnattestable(attributes: NonNullable<OrderBody['key']['attributes']>): void {
  const required = { sign: true, extractable: false, sensitive: true, copyable: false } as const
  const errors = Object.entries(required)
    .filter(([name, value]) => attributes[name as keyof typeof required] === !value)
    .map(([name, value]) => ({ pointer: `/key/attributes/${name}`, detail: `must be ${value}: no QTSP accepts the key otherwise` }))
  if (errors.length > 0) throw new ProblemError('key-not-attestable', summary(errors), { errors })
  if (attributes.destroyable === false) {
    const error = { pointer: '/key/attributes/destroyable', detail: 'must be true: a key that cannot be destroyed could not be taken back after a failure' }
    throw new ProblemError('rollback-impossible', summary([error]), { errors: [error] })
  }
}
