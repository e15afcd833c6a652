import { Value } from 'typebox/value'
import { readAuthSettings, type AuthSettings } from './auth/auth-settings.ts'
import type { TlsSettings } from './auth/https-servers.ts'
import type { TrustAnchor } from './evidence/evidence.ts'
import { Environment, withNumbers } from './settings/environment.ts'
import { faultLines } from './settings/faults.ts'
import { fileReader, readAnchors, withSecretFiles } from './settings/files.ts'
import { readTracesSettings, type TracesSettings } from './settings/otel-settings.ts'
import { readTsbAccess, rereadTsbAccess, tsbFiles, type TsbAccess } from './settings/tsb-settings.ts'
import { checkJournalUrl, checkTrustProxy, readEncryptionKeys } from './settings/values.ts'

export interface Settings {
  readonly http: { readonly host: string; readonly port: number; readonly trustProxy?: string; readonly tls?: TlsSettings }
  readonly logLevel: Environment['LOG_LEVEL']
  readonly auth: AuthSettings
  readonly tsb: TsbAccess
  /** Files of credentials towards the TSB, which may change; `reread` reads them again, and throws where they can't be used. */
  readonly tsbFiles: { readonly paths: readonly string[]; reread(): TsbAccess }
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
  /** Where OpenTelemetry's spans are asked for. */
  readonly traces?: TracesSettings
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

  const tsb = readTsbAccess(values, files, faults, warnings)
  const tls = files.pair(values, 'TLS_CERT_FILE', 'TLS_KEY_FILE')
  const anchors = readAnchors(values.TRUST_ANCHORS_FILE, files, faults)
  const encryptionKeys = readEncryptionKeys(values.JOURNAL_ENCRYPTION_KEY, faults)
  if (values.TRUST_PROXY !== undefined) checkTrustProxy(values.TRUST_PROXY, faults)
  if (good('JOURNAL_URL')) checkJournalUrl(values.JOURNAL_URL, faults, warnings)
  const clientCa = files.authorities('TLS_CLIENT_CA_FILE', values.TLS_CLIENT_CA_FILE)
  const traces = readTracesSettings(values, faults, warnings)
  // Node's own switch, for the TSB, the issuer of JWTs and the database alike: a script that sets it "for now" must not go unnoticed.
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') faults.push('NODE_TLS_REJECT_UNAUTHORIZED: 0 would leave every certificate unverified; take it out')
  const auth = good('AUTH_MODE') ? readAuthSettings(values, files, faults, warnings) : undefined
  if (faults.length > 0 || tsb === undefined || auth === undefined) throw new ConfigError(faults)

  if (values.AUTH_MODE === 'none') warnings.push('AUTH_MODE=none: everyone who can reach this service can create keys with it')
  if (encryptionKeys.length === 0) warnings.push('JOURNAL_ENCRYPTION_KEY is not set: key passwords are not kept for recovery')
  return {
    http: {
      host: values.HOST, port: values.PORT, ...(values.TRUST_PROXY !== undefined && { trustProxy: values.TRUST_PROXY }),
      ...(tls && { tls: { ...tls, ...(clientCa !== undefined && { clientCa }), paths: tlsPaths(values) } }),
    },
    logLevel: values.LOG_LEVEL,
    auth,
    tsb,
    tsbFiles: { paths: tsbFiles(env), reread: () => rereadTsbAccess(env) },
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
    ...(traces && { traces }),
    warnings,
  }
}

/** What a command needs that only talks to the TSB. */
export type TsbOnlySettings = Pick<Settings, 'tsb' | 'evidence' | 'transaction'>

/** Variables that matter to it, beside those that begin with TSB_. */
const TSB_ONLY = ['TRUST_ANCHORS_FILE', 'CLOCK_SKEW_SECONDS', 'TRANSACTION_TIMEOUT_MS', 'SETTLE_AFTER_MS', 'NODE_TLS_REJECT_UNAUTHORIZED']

/**
 * Reads the settings of a command that has no callers and no journal: what is wrong or missing with those is no reason to stop it.
 * @param env as for `readSettings`
 * @throws ConfigError
 */
export function readTsbOnlySettings(env: Readonly<Record<string, string | undefined>> = process.env): TsbOnlySettings {
  const own = Object.entries(env).filter(([name]) => name.startsWith('TSB_') || TSB_ONLY.includes(name))
  const { tsb, evidence, transaction } = readSettings({ ...Object.fromEntries(own), AUTH_MODE: 'none' })
  return { tsb, evidence, transaction }
}

function tlsPaths({ TLS_CERT_FILE: cert = '', TLS_KEY_FILE: key = '', TLS_CLIENT_CA_FILE: clientCa }: Environment): TlsSettings['paths'] {
  return { cert, key, ...(clientCa !== undefined && { clientCa }) }
}
