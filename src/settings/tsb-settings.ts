import { Value } from 'typebox/value'
import { Environment, withNumbers } from './environment.ts'
import { fileReader, withSecretFiles, type FileReader } from './files.ts'
import { checkBearerToken, readHeaderValues, readTsbUrl } from './values.ts'

type Env = Readonly<Record<string, string | undefined>>

export interface TsbAccess {
  /** Origin and path prefix, without a slash at the end. */
  readonly url: string
  readonly id: string
  readonly bearerToken?: string
  readonly apiKeys: { readonly management: readonly string[]; readonly operation: readonly string[]; readonly service: readonly string[] }
  readonly certificateRole: Environment['TSB_CERTIFICATE_ROLE']
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  readonly connectTimeoutMs: number
  readonly createKeyTimeoutMs: number
  readonly timeoutMs: number
}

/** Variables that name a file of credentials towards the TSB. */
const FILES = ['TSB_BEARER_TOKEN_FILE', 'TSB_KEY_MANAGEMENT_API_KEYS_FILE', 'TSB_KEY_OPERATION_API_KEYS_FILE', 'TSB_SERVICE_API_KEYS_FILE', 'TSB_CA_FILE',
  'TSB_CLIENT_CERT_FILE', 'TSB_CLIENT_KEY_FILE'] as const

/** @returns the paths of the files with credentials towards the TSB */
export const tsbFiles = (env: Env): string[] => FILES.map((name) => env[name]).filter((path): path is string => path !== undefined && path !== '')

/**
 * Reads what concerns the TSB.
 * @param values of all variables; each that is named here passed its schema, or `faults` says otherwise
 * @returns undefined where TSB_URL can't be used; other faults only add their line
 */
export function readTsbAccess(values: Environment, files: FileReader, faults: string[], warnings: string[]): TsbAccess | undefined {
  const url = faults.some((fault) => fault.startsWith('TSB_URL:')) ? undefined : readTsbUrl(values.TSB_URL, faults, warnings)
  const client = files.pair(values, 'TSB_CLIENT_CERT_FILE', 'TSB_CLIENT_KEY_FILE')
  const ca = files.certificates('TSB_CA_FILE', values.TSB_CA_FILE)
  const apiKeys = {
    management: readHeaderValues('TSB_KEY_MANAGEMENT_API_KEYS', values.TSB_KEY_MANAGEMENT_API_KEYS, faults),
    operation: readHeaderValues('TSB_KEY_OPERATION_API_KEYS', values.TSB_KEY_OPERATION_API_KEYS, faults),
    service: readHeaderValues('TSB_SERVICE_API_KEYS', values.TSB_SERVICE_API_KEYS, faults),
  }
  if (values.TSB_BEARER_TOKEN !== undefined) checkBearerToken(values.TSB_BEARER_TOKEN, faults)
  return url && {
    url: url.base,
    id: values.TSB_ID ?? url.origin,
    ...(values.TSB_BEARER_TOKEN !== undefined && { bearerToken: values.TSB_BEARER_TOKEN }),
    apiKeys,
    certificateRole: values.TSB_CERTIFICATE_ROLE,
    tls: { ...(ca !== undefined && { ca }), ...client },
    connectTimeoutMs: values.TSB_CONNECT_TIMEOUT_MS,
    createKeyTimeoutMs: values.TSB_CREATE_KEY_TIMEOUT_MS,
    timeoutMs: values.TSB_TIMEOUT_MS,
  }
}

/**
 * Reads the files of credentials towards the TSB again. Only they can have changed, so only their faults count.
 * @throws Error with every fault; no line repeats a value
 */
export function rereadTsbAccess(env: Env): TsbAccess {
  const faults: string[] = []
  const files = fileReader(faults)
  const values = Value.Default(Environment, withNumbers(withSecretFiles(env, files, faults))) as Environment
  const access = readTsbAccess(values, files, faults, [])
  const own = faults.filter((fault) => fault.startsWith('TSB_'))
  if (own.length > 0 || access === undefined) throw new Error(own.join('; '))
  return access
}
