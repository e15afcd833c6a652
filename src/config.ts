import { Value } from 'typebox/value'
import { readAuthSettings, type AuthSettings } from './auth/auth-settings.ts'
import type { TlsSettings } from './auth/https-servers.ts'
import type { TrustAnchor } from './evidence/evidence.ts'
import { Environment, withNumbers } from './settings/environment.ts'
import { faultLines } from './settings/faults.ts'
import { fileReader, readAnchors, withSecretFiles } from './settings/files.ts'
import { checkBearerToken, checkJournalUrl, checkTrustProxy, readEncryptionKeys, readHeaderValues, readTsbUrl } from './settings/values.ts'

export interface Settings {
  readonly http: { readonly host: string; readonly port: number; readonly trustProxy?: string; readonly tls?: TlsSettings }
  readonly logLevel: Environment['LOG_LEVEL']
  readonly auth: AuthSettings
  readonly tsb: {
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
  readonly evidence: { readonly trustAnchors: readonly TrustAnchor[]; readonly clockSkewSeconds: number; readonly defaultProfile: Environment['DEFAULT_PROFILE'] }
  readonly journal: { readonly url: string; readonly encryptionKeys: readonly Buffer[]; readonly leaseMs: number; readonly retentionDays: number }
  readonly transaction: {
    readonly timeoutMs: number
    readonly settleAfterMs: number
    readonly giveUpAfterMs: number
    readonly maxTransactions: number
    readonly maxQueued: number
  }
  readonly shutdown: { readonly delayMs: number; readonly graceMs: number }
  /** What an operator should know before trusting this configuration; logged at start. */
  readonly warnings: readonly string[]
}

/** All faults of a configuration at once, one line each, every line naming its variable. No line repeats a value. */
export class ConfigError extends Error {
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(faults.join('\n'))
    this.name = 'ConfigError'
    this.faults = faults
  }
}

/**
 * Reads and checks the settings.
 * @param env the environment; empty variables count as missing
 * @returns settings with defaults, files read, and warnings for the operator
 * @throws ConfigError with every fault that was found
 */
export function readSettings(env: Readonly<Record<string, string | undefined>> = process.env): Settings {
  const faults: string[] = []
  const warnings: string[] = []
  const files = fileReader(faults)

  const raw = withSecretFiles(env, files, faults)
  const values = Value.Default(Environment, withNumbers(raw)) as Environment
  for (const error of Value.Errors(Environment, values)) faults.push(...faultLines(error))
  // Below, only variables that passed their own schema are looked at; `values` may still be wrong elsewhere.
  const good = (name: keyof Environment): boolean => !faults.some((fault) => fault.startsWith(`${name}:`))

  const url = good('TSB_URL') ? readTsbUrl(values.TSB_URL, faults, warnings) : undefined
  const tls = files.pair(values, 'TLS_CERT_FILE', 'TLS_KEY_FILE')
  const client = files.pair(values, 'TSB_CLIENT_CERT_FILE', 'TSB_CLIENT_KEY_FILE')
  const ca = files.certificates('TSB_CA_FILE', values.TSB_CA_FILE)
  const anchors = readAnchors(values.TRUST_ANCHORS_FILE, files, faults)
  const encryptionKeys = readEncryptionKeys(values.JOURNAL_ENCRYPTION_KEY, faults)
  if (values.TRUST_PROXY !== undefined) checkTrustProxy(values.TRUST_PROXY, faults)
  if (good('JOURNAL_URL')) checkJournalUrl(values.JOURNAL_URL, faults)
  const clientCa = files.authorities('TLS_CLIENT_CA_FILE', values.TLS_CLIENT_CA_FILE)
  const auth = good('AUTH_MODE') ? readAuthSettings(values, files, faults, warnings) : undefined
  const apiKeys = {
    management: readHeaderValues('TSB_KEY_MANAGEMENT_API_KEYS', values.TSB_KEY_MANAGEMENT_API_KEYS, faults),
    operation: readHeaderValues('TSB_KEY_OPERATION_API_KEYS', values.TSB_KEY_OPERATION_API_KEYS, faults),
    service: readHeaderValues('TSB_SERVICE_API_KEYS', values.TSB_SERVICE_API_KEYS, faults),
  }
  if (values.TSB_BEARER_TOKEN !== undefined) checkBearerToken(values.TSB_BEARER_TOKEN, faults)
  if (faults.length > 0 || url === undefined || auth === undefined) throw new ConfigError(faults)

  if (values.AUTH_MODE === 'none') warnings.push('AUTH_MODE=none: everyone who can reach this service can create keys with it')
  if (encryptionKeys.length === 0) warnings.push('JOURNAL_ENCRYPTION_KEY is not set: key passwords are not kept for recovery')
  return {
    http: {
      host: values.HOST, port: values.PORT, ...(values.TRUST_PROXY !== undefined && { trustProxy: values.TRUST_PROXY }),
      ...(tls && { tls: { ...tls, ...(clientCa !== undefined && { clientCa }), paths: tlsPaths(values) } }),
    },
    logLevel: values.LOG_LEVEL,
    auth,
    tsb: {
      url: url.base,
      id: values.TSB_ID ?? url.origin,
      ...(values.TSB_BEARER_TOKEN !== undefined && { bearerToken: values.TSB_BEARER_TOKEN }),
      apiKeys,
      certificateRole: values.TSB_CERTIFICATE_ROLE,
      tls: { ...(ca !== undefined && { ca }), ...client },
      connectTimeoutMs: values.TSB_CONNECT_TIMEOUT_MS,
      createKeyTimeoutMs: values.TSB_CREATE_KEY_TIMEOUT_MS,
      timeoutMs: values.TSB_TIMEOUT_MS,
    },
    evidence: { trustAnchors: anchors, clockSkewSeconds: values.CLOCK_SKEW_SECONDS, defaultProfile: values.DEFAULT_PROFILE },
    journal: { url: values.JOURNAL_URL, encryptionKeys, leaseMs: values.LEASE_MS, retentionDays: values.BUNDLE_RETENTION_DAYS },
    transaction: {
      timeoutMs: values.TRANSACTION_TIMEOUT_MS,
      settleAfterMs: values.SETTLE_AFTER_MS ?? 2 * values.TSB_CREATE_KEY_TIMEOUT_MS,
      giveUpAfterMs: values.GIVE_UP_AFTER_MS,
      maxTransactions: values.MAX_TRANSACTIONS,
      maxQueued: values.MAX_QUEUED,
    },
    shutdown: { delayMs: values.SHUTDOWN_DELAY_MS, graceMs: values.SHUTDOWN_GRACE_MS },
    warnings,
  }
}

function tlsPaths({ TLS_CERT_FILE: cert = '', TLS_KEY_FILE: key = '', TLS_CLIENT_CA_FILE: clientCa }: Environment): TlsSettings['paths'] {
  return { cert, key, ...(clientCa !== undefined && { clientCa }) }
}
