import type { SignedXml } from './attestation-signature.ts'
import { readPublicKey } from './public-key.ts'
import type { AttestedKey, KeyFlag } from './evidence.ts'
import { readBase64 } from './pem.ts'
import { clean } from './text.ts'
import { readXmlElements } from './xml-elements.ts'
import type { XmlElement } from './xml-elements.ts'

const ROOT = 'private_key'

const FLAGS: readonly KeyFlag[] = [
  'decrypt', 'sign', 'unwrap', 'derive', 'sensitive', 'always_sensitive', 'extractable', 'never_extractable', 'modifiable', 'copyable', 'unique',
]

/** Flags that no check needs. What stands there must still be a flag. */
const UNREAD_FLAGS = ['destroyable', 'eka_sign']

/** Elements with elements inside. */
const CONTAINERS = new RegExp(`^${ROOT}(/attributes|/policy(/key_status|/rule_(use|block|unblock|modify)(/token(/group)?)?)?)?$`)
/** Elements with text inside that are read, or that the vendor's samples show and no check needs. */
const READ = new RegExp(`^${ROOT}/(label|create_time|attest_time|key_use_count|algorithm|algorithm_oid|curve_oid|key_size|public_key|derivation_value`
  + `|attributes/(${FLAGS.join('|')})|policy/key_status/blocked)$`)
const IGNORED = new RegExp(`^${ROOT}/(uuid|address_truncated|attributes/(${UNREAD_FLAGS.join('|')})|policy/rule_[a-z]+/token/(timelock|timeout|group/(quorum|approval)))$`)
/** Attributes that the vendor's samples show, by the element's path. */
const ATTRIBUTES: readonly [RegExp, readonly string[]][] = [
  [/^private_key$/, ['creation', 'storage']], [/\/derivation_value$/, ['type']], [/\/(token|group)$/, ['name']], [/\/approval$/, ['type', 'name']],
]

/** Thrown inside this file only, so that reading goes on line by line without a test behind each. */
class Malformed extends Error {}

/**
 * Reads the claims of a Primus key attestation. Each element is looked up by its absolute path and must stand there exactly once: a second
 * `extractable`, or one inside `policy`, is how signature wrapping works. Values must be in the one spelling that the HSM uses.
 * @returns the claims, or the reason for refusing, as a sentence
 */
export function readAttestation(xml: SignedXml): AttestedKey | string {
  const elements = readXmlElements(xml)
  if (typeof elements === 'string') return elements
  try {
    return readKey(elements)
  } catch (error) {
    if (error instanceof Malformed) return error.message
    throw error
  }
}

function readKey(elements: readonly XmlElement[]): AttestedKey {
  const root = elements[0]
  if (root?.path !== ROOT) throw new Malformed(`Expected the root element ${ROOT}; it is ${clean(root?.path ?? 'missing')}.`)
  refuseMisplacedContent(elements)
  for (const flag of UNREAD_FLAGS) {
    const element = single(elements, `${ROOT}/attributes/${flag}`)
    if (element) readBoolean(element.text, flag)
  }
  const optional = (path: string): XmlElement | undefined => single(elements, `${ROOT}/${path}`)
  const required = (path: string): string => present(optional(path), path).text
  const creation = root.attributes['creation']
  if (creation === undefined) throw new Malformed('Expected the attribute creation on the root element; it is missing.')
  present(optional('attributes'), 'attributes')
  const label = required('label')
  if (label === '' || label.length > 256) throw new Malformed('Expected a label of 1 to 256 characters.')
  const storage = root.attributes['storage']
  const derivationValue = optional('derivation_value')?.text
  const blocked = optional('policy/key_status/blocked')
  return {
    creation,
    ...(storage !== undefined && { storage }),
    label,
    createTime: readTime(required('create_time'), 'create_time'),
    attestTime: readTime(required('attest_time'), 'attest_time'),
    ...whole(optional('key_use_count'), 'keyUseCount'),
    algorithm: required('algorithm'),
    ...oid(optional('algorithm_oid'), 'algorithmOid'),
    ...oid(optional('curve_oid'), 'curveOid'),
    ...whole(optional('key_size'), 'keySize'),
    publicKey: readSubjectPublicKeyInfo(required('public_key')),
    ...(derivationValue !== undefined && { derivationValue }),
    attributes: Object.fromEntries(FLAGS.map((flag) => [flag, readBoolean(required(`attributes/${flag}`), flag)])) as Record<KeyFlag, boolean>,
    policy: optional('policy') !== undefined,
    ...(blocked && { blocked: readBoolean(blocked.text, 'blocked') }),
    unknown: unknownIn(elements),
  }
}

function single(elements: readonly XmlElement[], path: string): XmlElement | undefined {
  const found = elements.filter((element) => element.path === path)
  if (found.length > 1) throw new Malformed(`Expected the element ${path} once; it stands ${found.length} times.`)
  return found[0]
}

function present(element: XmlElement | undefined, path: string): XmlElement {
  if (!element) throw new Malformed(`Expected the element ${path}; it is missing.`)
  return element
}

function refuseMisplacedContent(elements: readonly XmlElement[]): void {
  for (const { path, text, hasChildren } of elements) {
    if (CONTAINERS.test(path) && !/^[ \t\r\n]*$/.test(text)) throw new Malformed(`Expected elements only inside ${clean(path)}; there is text.`)
    if (READ.test(path) && hasChildren) throw new Malformed(`Expected text only inside ${clean(path)}; there are elements.`)
  }
}

function unknownIn(elements: readonly XmlElement[]): string[] {
  return elements.flatMap(({ path, attributes }) => {
    const known = ATTRIBUTES.find(([pattern]) => pattern.test(path))?.[1] ?? []
    const extra = Object.keys(attributes).filter((name) => !known.includes(name)).map((name) => `${path}@${name}`)
    return CONTAINERS.test(path) || READ.test(path) || IGNORED.test(path) ? extra : [path, ...extra]
  })
}

function readBoolean(text: string, name: string): boolean {
  if (text !== 'true' && text !== 'false') throw new Malformed(`Expected ${name} to be true or false; it is "${clean(text)}".`)
  return text === 'true'
}

/** `YYYY-MM-DDThh:mm:ssZ` and a date that exists: Date would roll 30 February over. */
function readTime(text: string, name: string): string {
  const date = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) ? new Date(text) : undefined
  if (!date || Number.isNaN(date.getTime()) || date.toISOString().replace('.000Z', 'Z') !== text) {
    throw new Malformed(`Expected ${name} to be a time like 2025-01-31T12:00:00Z; it is "${clean(text)}".`)
  }
  return text
}

function whole<K extends string>(element: XmlElement | undefined, name: K): Partial<Record<K, number>> {
  if (!element) return {}
  if (!/^(0|[1-9]\d{0,14})$/.test(element.text)) throw new Malformed(`Expected a whole number in ${element.path}; it is "${clean(element.text)}".`)
  return { [name]: Number(element.text) } as Record<K, number>
}

function oid<K extends string>(element: XmlElement | undefined, name: K): Partial<Record<K, string>> {
  if (!element) return {}
  if (!/^[0-2](\.(0|[1-9]\d{0,30})){1,30}$/.test(element.text)) throw new Malformed(`Expected an object identifier in ${element.path}; it is "${clean(element.text)}".`)
  return { [name]: element.text } as Record<K, string>
}

function readSubjectPublicKeyInfo(text: string): Uint8Array {
  const der = readBase64(text)
  if (!der || !readPublicKey(der)) throw new Malformed('Expected public_key to be the base64 of an RSA, EC or Ed25519 SubjectPublicKeyInfo in DER.')
  return der
}
