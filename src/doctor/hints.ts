import { ProblemError } from '../errors.ts'
import { TsbError, type TsbCall } from '../tsb/tsb-error.ts'

/** The TSB's endpoints by who may call them (contract, section 7.3). */
export type Endpoint = 'key-management' | 'certificates' | 'service'

const API_KEYS: Readonly<Record<Endpoint, string>> = {
  'key-management': 'TSB_KEY_MANAGEMENT_API_KEYS',
  certificates: 'TSB_KEY_MANAGEMENT_API_KEYS or TSB_KEY_OPERATION_API_KEYS',
  service: 'TSB_SERVICE_API_KEYS',
}

/** @returns the endpoint that a call belongs to */
export function endpointOf(call: TsbCall): Endpoint {
  if (call === 'version-info' || call === 'license-info') return 'service'
  return call === 'certificate-request' || call === 'delete-certificate' ? 'certificates' : 'key-management'
}

/** By the TSB's `errorCode` (contract, section 3.3). */
function hintOfCode(code: number, endpoint: Endpoint): string | undefined {
  switch (code) {
    case 416: return `Set ${API_KEYS[endpoint]}: the TSB wants an API key here.`
    case 631: return `Check ${API_KEYS[endpoint]}: the TSB does not know this API key, or knows it for another role.`
    case 406: return 'Set TSB_BEARER_TOKEN: the TSB wants an access token.'
    case 617: case 618: return 'Check TSB_BEARER_TOKEN: the TSB does not take this access token. It may have expired.'
    case 400: return `Check the role of ${API_KEYS[endpoint]}: the TSB knows the credential and does not let it do this.`
    case 450: case 451: return 'Check the licence of the TSB: keys and certificates need the flag REST_API.'
    case 603: case 606: case 607: case 612: return 'The TSB does not make keys of this kind. Try another one: --key rsa-3072.'
    case 608: return 'A key of this label is there already. Run it again: each run takes a fresh label.'
    case 614: return 'The HSM forbids this for the key: see the partition\'s settings "Object Destruction" and "read-only".'
    case 650: return 'The key that was just made is not found: perhaps several TSBs answer at TSB_URL, each with another partition.'
    case 1: case 2: case 103: case 200: case 700: return 'The TSB does not reach its HSM, or is starting. Look at its log and at the HSM.'
    case 701: return 'The HSM refused. The TSB\'s log says why; its attestation key may be missing, or the partition read-only or full.'
    case 702: return 'The TSB could not make its integrity key: look at its log.'
    case 703: case 704: return 'The TSB could not write its temporary files: look at its log and at its disk.'
    default: return undefined
  }
}

/** By Node's code of a connection that failed. */
function hintOfConnection(code: string): string | undefined {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'Check the host name in TSB_URL, and DNS.'
  if (code === 'ECONNREFUSED') return 'Check host and port in TSB_URL, and whether the TSB runs.'
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') return 'Check host and port in TSB_URL, and the firewall between; TSB_CONNECT_TIMEOUT_MS is how long it may take.'
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return 'There is no route to the host in TSB_URL: check the network policy and the firewall.'
  if (code === 'CERT_HAS_EXPIRED') return 'The certificate of the TSB, or of its CA, has expired: renew it.'
  if (code === 'CERT_NOT_YET_VALID') return 'The certificate of the TSB is not valid yet: check the clocks of both machines.'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'The certificate of the TSB is for another host name: use that name in TSB_URL, or have a certificate made for this one.'
  if (/^(UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/.test(code)) {
    return 'The CA of the TSB\'s certificate is not known here: name its certificate in TSB_CA_FILE. `openssl s_client -connect HOST:PORT -showcerts` shows what the TSB sends.'
  }
  if (/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNKNOWN_CA/.test(code)) return 'The TSB wants a client certificate, or another one: TSB_CLIENT_CERT_FILE and TSB_CLIENT_KEY_FILE.'
  if (/WRONG_VERSION_NUMBER|EPROTO|PACKET_LENGTH_TOO_LONG/.test(code)) return 'There is no TLS at this port: check scheme and port in TSB_URL.'
  if (/^(ECONNRESET|UND_ERR_SOCKET|EPIPE)$/.test(code)) {
    return 'The other end hung up. A TSB that wants a client certificate does that (TSB_CLIENT_CERT_FILE); so do a TSB that restarts, one that speaks TLS where TSB_URL says http, and a proxy.'
  }
  return undefined
}

/** By the check of the evidence that failed. */
export const HINT_OF_CHECK: Readonly<Record<string, string>> = {
  'chain.anchored': 'See hsm.anchor.',
  'key.fresh': 'Set the clocks of this machine and of the HSM right (NTP). CLOCK_SKEW_SECONDS is how far apart they may be.',
}

/**
 * What an operator does about a call, or a step, that failed.
 * @param error what was thrown
 * @returns undefined where nothing better is known than what the error says
 */
export function hintOf(error: unknown): string | undefined {
  if (!(error instanceof ProblemError)) return 'This is a fault of this program: please report it.'
  if (error.code === 'evidence-rejected') return 'docs/what-the-evidence-proves.md says what each check is for.'
  if (!(error instanceof TsbError)) return undefined
  const { upstream } = error.extras
  const byCode = upstream?.errorCode === undefined ? undefined : hintOfCode(upstream.errorCode, endpointOf(error.call))
  if (byCode !== undefined) return byCode
  if (upstream?.status === 403) return `Check the role of ${API_KEYS[endpointOf(error.call)]}, and what stands in front of the TSB: the credential is refused for this endpoint.`
  if (upstream?.status === 401) return `Check ${API_KEYS[endpointOf(error.call)]} and TSB_BEARER_TOKEN, and what stands in front of the TSB: the answer has no code of the TSB's own.`
  const connection = codesOf(error.cause).map(hintOfConnection).find((hint) => hint !== undefined)
  if (connection !== undefined) return connection
  if (error.code === 'tsb-timeout') return error.call === 'create-key' ? 'TSB_CREATE_KEY_TIMEOUT_MS is how long it may take; RSA keys take an HSM their time.' : 'TSB_TIMEOUT_MS is how long it may take. Look at the TSB\'s log and its load.'
  if (error.code === 'tsb-invalid-response' || (upstream !== undefined && upstream.errorCode === undefined)) return 'Check the path in TSB_URL, and what stands in front of the TSB: this is not how a TSB answers.'
  return undefined
}

/** OpenSSL's reason is more than Node's code for it, and stands beside it. */
function codesOf(cause: unknown): string[] {
  if (!(cause instanceof Error)) return []
  const { code, reason } = cause as { code?: unknown; reason?: unknown }
  const own = [reason, code].filter((value) => typeof value === 'string').map((value) => value.toUpperCase().replaceAll(' ', '_'))
  return [...own, ...codesOf(cause.cause)]
}
