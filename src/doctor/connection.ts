import { X509Certificate } from 'node:crypto'
import type { TsbOnlySettings } from '../config.ts'
import { clean } from '../evidence/text.ts'
import { flawOfVersion } from '../transaction/version-gate.ts'
import type { Peer } from '../tsb/peer.ts'
import { TsbError } from '../tsb/tsb-error.ts'
import type { Tsb } from '../tsb/tsb.ts'
import { compareVersions, type VersionInfo } from '../tsb/version-info.ts'
import { finding, type Finding } from './diagnosis.ts'
import { hintOf } from './hints.ts'
import { reasonOf } from './reason.ts'

export interface Connection {
  readonly findings: readonly Finding[]
  /** Whether there is any use in asking on. */
  readonly reached: boolean
  /** The service refuses to work with this TSB. */
  readonly tooOld: boolean
  readonly version?: string
  readonly licence?: readonly string[]
  readonly tls?: TlsFacts
}

/** What is known of the connection's protection. */
export interface TlsFacts {
  readonly version: string
  readonly names: string
  readonly issuer: string
  /** ISO 8601. */
  readonly notAfter: string
}

/** A certificate that ends sooner than this should have been renewed. */
const SOON_DAYS = 30
const DAY_MS = 86_400_000

/**
 * Asks what the service asks first, its version, and looks at who answers.
 * @param peer who answered the first request; undefined before a connection stood
 */
export async function examineConnection(tsb: Tsb, peer: () => Peer | undefined, { tsb: access }: TsbOnlySettings, now: Date, signal: AbortSignal): Promise<Connection> {
  const started = performance.now()
  const version = await tsb.versionInfo(signal).catch((error: unknown) => error)
  const ms = Math.round(performance.now() - started)
  const seen = peer()
  if (seen === undefined || isNoAnswer(version)) {
    const detail = seen === undefined ? `${access.url} cannot be reached: ${reasonOf(version)}.` : `${access.url} is there (${seen.address}), but did not answer: ${reasonOf(version)}.`
    return { reached: false, tooOld: false, findings: [finding('tsb.reachable', 'failed', detail, hintOf(version)), ...judgeTls(seen, access.url, now), ...judgeOwnCertificate(access.tls.cert, now)] }
  }
  const licence = await tsb.licenseInfo(signal).catch((error: unknown) => error)
  const flags = Array.isArray(licence) ? licence.slice(0, 50).map((flag) => clean(String(flag))) : undefined
  const known = version instanceof Error ? undefined : version as VersionInfo
  return {
    ...(seen.tls && { tls: factsOf(seen.tls) }),
    reached: true,
    tooOld: known !== undefined && flawOfVersion(known) !== undefined,
    ...(known && { version: clean(known.text) }),
    ...(flags && { licence: flags }),
    findings: [
      finding('tsb.reachable', 'passed', `${access.url} answered in ${ms} ms (${seen.address}).`),
      ...judgeTls(seen, access.url, now),
      ...judgeOwnCertificate(access.tls.cert, now),
      judgeVersion(known, version),
      judgeLicence(flags, licence),
    ],
  }
}

/** An answer that is refused or makes no sense is an answer; a connection that broke or stood still is none. */
const isNoAnswer = (outcome: unknown): boolean => outcome instanceof TsbError && outcome.extras.upstream === undefined && outcome.code !== 'tsb-invalid-response'

function judgeTls(peer: Peer | undefined, url: string, now: Date): Finding[] {
  const id = 'tsb.tls'
  if (url.startsWith('http:')) return [finding(id, 'warning', 'Plain http: API keys and key passwords cross the network in clear.', 'Set TSB_URL to https://…, unless TSB and service share a machine.')]
  if (peer?.tls === undefined) return [finding(id, 'skipped', 'No TLS connection stood.')]
  const { version, names, issuer } = factsOf(peer.tls)
  return [judgeEnd(id, `${version}, verified: the certificate is for ${names}, issued by ${issuer}, and`, peer.tls.certificate, now, 'Renew the TSB\'s certificate.')]
}

function judgeOwnCertificate(pem: string | undefined, now: Date): Finding[] {
  if (pem === undefined) return []
  const certificate = new X509Certificate(pem)
  return [judgeEnd('tsb.client-certificate', `The certificate in TSB_CLIENT_CERT_FILE, of ${clean(lineOf(certificate.subject))},`, certificate, now, 'Renew the client certificate.')]
}

function judgeEnd(id: string, about: string, { validToDate }: X509Certificate, now: Date, hint: string): Finding {
  const days = Math.floor((validToDate.getTime() - now.getTime()) / DAY_MS)
  const end = validToDate.toISOString().slice(0, 10)
  if (days < 0) return finding(id, 'failed', `${about} ended on ${end}.`, hint)
  const detail = `${about} ends on ${end}, in ${days} days.`
  return days < SOON_DAYS ? finding(id, 'warning', detail, hint) : finding(id, 'passed', detail)
}

const factsOf = ({ version, certificate }: NonNullable<Peer['tls']>): TlsFacts => ({
  version,
  names: clean(lineOf(certificate.subjectAltName ?? certificate.subject)),
  issuer: clean(lineOf(certificate.issuer)),
  notAfter: certificate.validToDate.toISOString(),
})

/** Node writes names over several lines. */
const lineOf = (name: string): string => name.trim().replace(/\s*\n\s*/g, ', ')

function judgeVersion(version: VersionInfo | undefined, error: unknown): Finding {
  const id = 'tsb.version'
  if (version === undefined) return finding(id, 'warning', `The version is not known: ${reasonOf(error)}. The service warns of that and goes on.`, hintOf(error))
  const flaw = flawOfVersion(version)
  if (flaw !== undefined) return finding(id, 'failed', `${clean(flaw)}. The service refuses to work with it.`, 'Update the TSB.')
  // Vendor's release note 2.1.0.
  if (compareVersions(version, [2, 1, 0]) < 0) return finding(id, 'warning', `TSB ${clean(version.text)} does not know organizationIdentifier in a CSR, which qualified seals need.`, 'Update the TSB to 2.1.0 or later.')
  return finding(id, 'passed', `TSB ${clean(version.text)}.`)
}

function judgeLicence(flags: readonly string[] | undefined, error: unknown): Finding {
  const id = 'tsb.licence'
  if (flags === undefined) return finding(id, 'skipped', `The licence is not known: ${reasonOf(error)}. Nothing depends on it here.`, hintOf(error))
  const detail = `The licence has ${flags.length === 0 ? 'no flags' : flags.join(', ')}.`
  if (flags.includes('REST_API')) return finding(id, 'passed', detail)
  return finding(id, 'warning', `${detail} By the vendor's documentation keys need REST_API.`, 'Ask the vendor for a licence with REST_API.')
}
