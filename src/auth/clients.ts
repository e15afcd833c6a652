import Type, { type Static } from 'typebox'
import { Value } from 'typebox/value'

/** Modes that know callers by name. */
export type ClientMode = 'api-key' | 'jwt' | 'mtls'

/** One caller of the clients file. */
export interface Client {
  readonly id: string
  /** SHA-256 of each of its API keys: two while one takes over from the other. */
  readonly keyHashes: readonly Buffer[]
  readonly subject?: string
  /** Patterns of the labels it may use. */
  readonly labels: readonly string[]
}

const Hash = Type.String({ pattern: '^[0-9A-Fa-f]{64}$' })
const id = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' })
const labels = Type.Array(Type.String({ pattern: '^[A-Za-z0-9._*-]{1,128}$' }), { minItems: 1, maxItems: 100 })

const apiKeySha256 = Type.Union([Hash, Type.Array(Hash, { minItems: 1, maxItems: 2 })])
const subject = Type.String({ pattern: '^[^\\p{Cc}]{1,1000}$' })

const KeyClient = Type.Object({ id, apiKeySha256, labels }, { additionalProperties: false })
const SubjectClient = Type.Object({ id, subject, labels }, { additionalProperties: false })
const fileOf = <T extends typeof KeyClient | typeof SubjectClient>(client: T) => Type.Array(client, { minItems: 1, maxItems: 10_000 })
const KeyClients = fileOf(KeyClient)
const SubjectClients = fileOf(SubjectClient)

const EXPECTED: Readonly<Record<string, string>> = {
  id: 'must be 1 to 64 letters, digits, dots, hyphens and underscores, the first a letter or digit',
  apiKeySha256: 'must be the SHA-256 of a key as 64 hexadecimal digits, or an array of one or two of them',
  subject: 'must be 1 to 1000 characters, none of them a control character',
  labels: 'must be an array of 1 to 100 patterns of letters, digits, dots, hyphens, underscores and *',
}

/** What is wrong with a clients file: each fault with its JSON pointer, and no value, which may be a secret in the wrong place. */
export class ClientsFault extends Error {
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(faults.join('; '))
    this.name = 'ClientsFault'
    this.faults = faults
  }
}

/**
 * Reads the content of AUTH_CLIENTS_FILE.
 * @param text JSON: an array of clients
 * @param mode decides whether a client has `apiKeySha256` or `subject`
 * @throws ClientsFault with everything that is wrong
 */
export function parseClients(text: string, mode: ClientMode): readonly Client[] {
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch {
    throw new ClientsFault([text.trim() === '' ? 'the file is empty' : 'the file is not valid JSON'])
  }
  const schema = mode === 'api-key' ? KeyClients : SubjectClients
  const faults = [...new Set(Value.Errors(schema, content).flatMap((error) => faultsOf(error, mode)))]
  if (faults.length > 0) throw new ClientsFault(faults)

  const clients = (content as Static<typeof KeyClients> | Static<typeof SubjectClients>).map((entry): Client => {
    if ('subject' in entry) return { id: entry.id, subject: entry.subject, keyHashes: [], labels: entry.labels }
    return { id: entry.id, keyHashes: [entry.apiKeySha256].flat().map((hash) => Buffer.from(hash, 'hex')), labels: entry.labels }
  })
  refuseTwins(clients)
  return clients
}

interface SchemaError { readonly keyword: string; readonly instancePath: string; readonly params: object }

function faultsOf({ keyword, instancePath, params }: SchemaError, mode: ClientMode): string[] {
  // The refused member itself comes a second time, as a value that no schema allows.
  if (keyword === 'boolean') return []
  const [, index, member] = instancePath.split('/')
  if (index === undefined) return ['the file must be an array of one client or more']
  if (member !== undefined) return [`/${index}/${member}: ${EXPECTED[member] ?? 'is not known'}`]
  if (keyword === 'required') return namesIn(params, 'requiredProperties').map((name) => `/${index}/${name}: is missing`)
  if (keyword === 'additionalProperties') {
    const shown = namesIn(params, 'additionalProperties').map((name) => /^\w{1,40}$/.test(name) ? name : '?')
    return shown.map((name) => `/${index}/${name}: is not a member that a client has with AUTH_MODE=${mode}`)
  }
  return keyword === 'type' ? [`/${index}: must be an object`] : []
}

const namesIn = (params: object, member: string): readonly string[] => (params as Readonly<Record<string, readonly string[]>>)[member] ?? []

/** Two clients of one name would share what they see; of one credential, only the first would ever be found. */
function refuseTwins(clients: readonly Client[]): void {
  const faults: string[] = []
  const once = (kind: string, values: (client: Client) => readonly string[]): void => {
    const owners = new Map<string, number>()
    for (const [index, client] of clients.entries()) {
      for (const value of values(client)) {
        const owner = owners.get(value)
        if (owner !== undefined) faults.push(`/${index}/${kind}: is already at /${owner}/${kind}`)
        else owners.set(value, index)
      }
    }
  }
  once('id', (client) => [client.id])
  once('apiKeySha256', (client) => client.keyHashes.map((hash) => hash.toString('hex')))
  once('subject', (client) => client.subject === undefined ? [] : [client.subject])
  if (faults.length > 0) throw new ClientsFault(faults)
}
