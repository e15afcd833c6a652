import { isIP } from 'node:net'

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/**
 * Checks TSB_URL.
 * @returns the URL without a slash at its end, and its origin; undefined with a fault where it can't be used
 */
export function readTsbUrl(value: string, faults: string[], warnings: string[]): { base: string; origin: string } | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    faults.push('TSB_URL: must be a URL that starts with https:// (or http://)')
    return undefined
  }
  // Credentials in a URL end up in logs and process lists.
  if (url.username !== '' || url.password !== '') faults.push('TSB_URL: must not hold a user name or password')
  if (url.search !== '' || url.hash !== '') faults.push('TSB_URL: must not have a query or fragment')
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname)) {
    warnings.push('TSB_URL is plain http: key passwords and API keys cross the network in clear')
  }
  return { base: url.origin + url.pathname.replace(/\/+$/, ''), origin: url.origin }
}

/**
 * Reads AUTH_JWKS_URL. Whoever can change what comes back can sign for every caller, so plain http is for this machine only.
 * @returns undefined with a fault where it can't be used
 */
export function readJwksUrl(value: string, faults: string[]): URL | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined
  const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.test(url.hostname))
  if (url === undefined || !safe) {
    faults.push('AUTH_JWKS_URL: must be a URL that starts with https:// (http:// on the loopback address only)')
    return undefined
  }
  if (url.username !== '' || url.password !== '') faults.push('AUTH_JWKS_URL: must not hold a user name or password')
  return url
}

/** @returns whether a host is this machine: HOST as it is, or the host of a URL */
export const isLoopback = (host: string): boolean => LOOPBACK.test(host) || host === '::1'

/** Checks JOURNAL_URL: `file:<path>` or `postgres://…`. Whoever can change what is read from it decides what is deleted. */
export function checkJournalUrl(value: string, faults: string[], warnings: string[]): void {
  const isFile = /^file:.+/.test(value)
  const isPostgres = /^postgres(ql)?:\/\//.test(value) && URL.canParse(value) && isDecodable(value)
  if (!isFile && !isPostgres) faults.push('JOURNAL_URL: must be file:<path> or postgres://…, with percent-encoded user and password')
  else if (isPostgres && crossesNetworkUnverified(new URL(value))) {
    warnings.push('JOURNAL_URL is without sslmode=verify-full: its password and the journal can be read or changed on the network')
  }
}

/** pg takes other modes for the same now, but has announced that it will not (pg-connection-string's own warning). */
function crossesNetworkUnverified({ hostname, searchParams }: URL): boolean {
  const host = searchParams.get('host') ?? hostname
  // No host, or a path: a socket of this machine.
  return host !== '' && !host.startsWith('/') && !isLoopback(host) && searchParams.get('sslmode') !== 'verify-full'
}

/** A password with a `%` that was not written as `%25` would end every start as if the database were away. */
function isDecodable(url: string): boolean {
  const { username, password, pathname } = new URL(url)
  try {
    decodeURIComponent(username + password + pathname)
    return true
  } catch {
    return false
  }
}

/** Reads JOURNAL_ENCRYPTION_KEY: a comma-separated list of 32 bytes in base64; the first encrypts, all decrypt. */
export function readEncryptionKeys(value: string | undefined, faults: string[]): readonly Buffer[] {
  if (value === undefined) return []
  const keys = value.split(',').map((item) => item.trim())
  const decoded = keys.map((item) => Buffer.from(item, 'base64'))
  if (decoded.some((bytes, i) => bytes.length !== 32 || bytes.toString('base64') !== keys[i])) {
    faults.push('JOURNAL_ENCRYPTION_KEY: each entry must be 32 bytes in base64 (openssl rand -base64 32)')
    return []
  }
  return decoded
}

/**
 * Reads a comma-separated list of credentials that are sent in a header.
 * @returns the entries without blanks around them; none where one of them could not stand in a header
 */
export function readHeaderValues(variable: string, value: string | undefined, faults: string[]): readonly string[] {
  const entries = (value ?? '').split(',').map((entry) => entry.trim()).filter((entry) => entry !== '')
  if (entries.every((entry) => /^[!-~]+$/.test(entry))) return entries
  faults.push(`${variable}: must be visible ASCII characters, several entries with commas between them`)
  return []
}

/** Checks TSB_BEARER_TOKEN: one token of the characters that RFC 6750, section 2.1, allows. */
export function checkBearerToken(value: string, faults: string[]): void {
  if (!/^[A-Za-z0-9._~+/-]+=*$/.test(value)) faults.push('TSB_BEARER_TOKEN: must be one token of letters, digits and . _ ~ + / - (RFC 6750)')
}

/** Checks TRUST_PROXY: addresses, networks and the three names that Fastify knows, with commas between them. */
export function checkTrustProxy(value: string, faults: string[]): void {
  const known = value.split(',').map((entry) => entry.trim()).every((entry) => {
    const [address = '', bits] = entry.split('/')
    const version = isIP(address)
    if (version === 0) return ['loopback', 'linklocal', 'uniquelocal'].includes(entry)
    return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
  })
  if (!known) faults.push('TRUST_PROXY: must be addresses, networks (10.0.0.0/8), loopback, linklocal or uniquelocal, with commas between them')
}
