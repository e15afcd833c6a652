import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

const VERSION = 'v1'
const IV_BYTES = 12
const TAG_BYTES = 16

/** Names a key without telling it: a row says which entry of JOURNAL_ENCRYPTION_KEY opens it. */
const idOf = (key: Buffer): string => createHash('sha256').update(key).digest('hex').slice(0, 8)

/**
 * Encrypts a key's password for the journal: AES-256-GCM with a random IV, and the row's id as associated data, so that it is of no use in
 * another row (design/transaction.md, "The journal"). The first key encrypts.
 * @returns `v1.<key id>.<base64 of IV, tag and text>`; undefined where there are no keys, and the password must not be kept
 */
export function sealSecret(keys: readonly Buffer[], rowId: string, password: readonly string[]): string | undefined {
  const [key] = keys
  if (key === undefined) return undefined
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(rowId))
  const text = Buffer.concat([cipher.update(JSON.stringify(password), 'utf8'), cipher.final()])
  return [VERSION, idOf(key), Buffer.concat([iv, cipher.getAuthTag(), text]).toString('base64')].join('.')
}

/**
 * Decrypts what `sealSecret` made. Every key may be the one: keys rotate by a new first entry.
 * @returns the password; `no-key` where no key opens it: the key is gone, or somebody changed the text or moved it to another row. Either
 * way the password is not known, and the caller goes on without
 */
export function openSecret(keys: readonly Buffer[], rowId: string, sealed: string): readonly string[] | 'no-key' {
  const [version, keyId, text = '', ...rest] = sealed.split('.')
  const bytes = Buffer.from(text, 'base64')
  if (version !== VERSION || rest.length > 0 || bytes.length < IV_BYTES + TAG_BYTES) return 'no-key'
  for (const key of keys.filter((each) => idOf(each) === keyId)) {
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
        .setAAD(Buffer.from(rowId)).setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
      const json = decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
      return JSON.parse(json) as readonly string[]
    } catch {
      continue
    }
  }
  return 'no-key'
}
