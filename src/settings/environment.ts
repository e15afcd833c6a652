import Type, { type Static } from 'typebox'
import { PROFILE_NAMES } from '../profiles/profiles.ts'

const milliseconds = (fallback: number) => Type.Integer({ minimum: 1, maximum: 2_147_483_647, default: fallback })
const text = Type.Optional(Type.String({ minLength: 1 }))

/** The environment variables of this service, with their defaults. */
export const Environment = Type.Object({
  HOST: Type.String({ minLength: 1, default: '127.0.0.1' }),
  PORT: Type.Integer({ minimum: 0, maximum: 65535, default: 3000 }),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], { default: 'info' }),
  TLS_CERT_FILE: text,
  TLS_KEY_FILE: text,
  TLS_CLIENT_CA_FILE: text,
  AUTH_MODE: Type.Enum(['api-key', 'jwt', 'mtls', 'none']),
  AUTH_CLIENTS_FILE: text,
  AUTH_JWKS_URL: text,
  AUTH_ISSUER: text,
  AUTH_AUDIENCE: text,
  TSB_URL: Type.String({ minLength: 1 }),
  TSB_ID: text,
  TSB_BEARER_TOKEN: text,
  TSB_KEY_MANAGEMENT_API_KEYS: text,
  TSB_KEY_OPERATION_API_KEYS: text,
  TSB_SERVICE_API_KEYS: text,
  TSB_CERTIFICATE_ROLE: Type.Enum(['auto', 'management', 'operation'], { default: 'auto' }),
  TSB_CA_FILE: text,
  TSB_CLIENT_CERT_FILE: text,
  TSB_CLIENT_KEY_FILE: text,
  TSB_CONNECT_TIMEOUT_MS: milliseconds(5_000),
  TSB_CREATE_KEY_TIMEOUT_MS: milliseconds(60_000),
  TSB_TIMEOUT_MS: milliseconds(30_000),
  TRUST_ANCHORS_FILE: text,
  CLOCK_SKEW_SECONDS: Type.Integer({ minimum: 0, maximum: 86_400, default: 300 }),
  DEFAULT_PROFILE: Type.Enum(PROFILE_NAMES, { default: 'tsb-default' }),
  TRUST_PROXY: text,
  JOURNAL_URL: Type.String({ minLength: 1, default: 'file:./data/journal.sqlite' }),
  JOURNAL_ENCRYPTION_KEY: text,
  TRANSACTION_TIMEOUT_MS: milliseconds(120_000),
  SETTLE_AFTER_MS: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
  LEASE_MS: milliseconds(15_000),
  GIVE_UP_AFTER_MS: milliseconds(86_400_000),
  MAX_TRANSACTIONS: Type.Integer({ minimum: 1, maximum: 10_000, default: 16 }),
  MAX_QUEUED: Type.Integer({ minimum: 0, maximum: 1_000_000, default: 256 }),
  BUNDLE_RETENTION_DAYS: Type.Integer({ minimum: 1, maximum: 36_500, default: 30 }),
  SHUTDOWN_DELAY_MS: Type.Integer({ minimum: 0, maximum: 2_147_483_647, default: 0 }),
  SHUTDOWN_GRACE_MS: milliseconds(145_000),
  OTEL_SDK_DISABLED: text,
  OTEL_TRACES_EXPORTER: text,
  OTEL_EXPORTER_OTLP_ENDPOINT: text,
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: text,
  OTEL_EXPORTER_OTLP_PROTOCOL: text,
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: text,
  OTEL_TRACES_SAMPLER: text,
  OTEL_TRACES_SAMPLER_ARG: text,
})
export type Environment = Static<typeof Environment>

/** Variables that may instead come from the file named by the same variable with `_FILE` behind it. */
export const SECRETS = [
  'TSB_BEARER_TOKEN', 'TSB_KEY_MANAGEMENT_API_KEYS', 'TSB_KEY_OPERATION_API_KEYS', 'TSB_SERVICE_API_KEYS', 'JOURNAL_URL', 'JOURNAL_ENCRYPTION_KEY',
] as const

/** Names of all variables that are read, `_FILE` forms included: the README's table is compared with it by a test. */
export const VARIABLES: readonly string[] = [...Object.keys(Environment.properties), ...SECRETS.map((name) => `${name}_FILE`)]

/**
 * Turns the texts of whole-number settings into numbers. Only plain digits: `7.5`, `1e3` and `true` stay texts, and so become faults.
 * @param raw the environment
 */
export function withNumbers(raw: Readonly<Record<string, string>>): Record<string, string | number> {
  const isNumber = (name: string): boolean => {
    const schema = Environment.properties[name as keyof typeof Environment.properties] as { readonly type?: unknown } | undefined
    return schema?.type === 'integer'
  }
  return Object.fromEntries(Object.entries(raw).map(([name, value]) => [name, isNumber(name) && /^\d{1,15}$/.test(value) ? Number(value) : value]))
}
