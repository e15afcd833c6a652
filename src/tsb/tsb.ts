import type { KeyReference } from './key-reference.ts'
import { openHttp, type HttpSettings, type TsbAnswer, type TsbRequest } from './http.ts'
import { UNWATCHED, type TsbCallEnd, type TsbObserver } from './observer.ts'
import { reveals } from './reveals.ts'
import { rolesOf, type ApiKeys, type CertificateRole } from './roles.ts'
import { withRetries } from './retries.ts'
import { errorFromAnswer, KEY_NOT_EXISTENT, TsbError } from './tsb-error.ts'
import { createKeyRequest, readCreateKeyAnswer, type CreatedKey, type CreateKeyBody } from './create-key.ts'
import { keystoreStatisticsRequest, readKeystoreStatisticsAnswer, type KeystoreStatistics } from './keystore-statistics.ts'
import { keyAttributesRequest, readKeyAttributesAnswer, type KeyAttributes } from './key-attributes.ts'
import { certificateRequestRequest, readCertificateRequestAnswer, type CertificateRequestBody } from './certificate-request.ts'
import { keyAttestationRequest, readKeyAttestationAnswer } from './key-attestation.ts'
import { deleteKeyRequest } from './delete-key.ts'
import { deleteCertificateRequest } from './delete-certificate.ts'
import { licenseInfoRequest, readLicenseInfoAnswer } from './license-info.ts'
import { readVersionInfoAnswer, versionInfoRequest, type VersionInfo } from './version-info.ts'

/** The TSB as this service uses it: one function per call. Each throws TsbError, which says what the failure may have changed. */
export interface Tsb {
  versionInfo(signal?: AbortSignal): Promise<VersionInfo>
  /** How full the partition is. Asked of the HSM. */
  keystoreStatistics(signal?: AbortSignal): Promise<KeystoreStatistics>
  /** @returns the flags of the licence, e.g. `REST_API` */
  licenseInfo(signal?: AbortSignal): Promise<readonly string[]>
  /** @returns undefined where the TSB documents that there is no such key (404 with 650) */
  keyAttributes(key: KeyReference, signal?: AbortSignal): Promise<KeyAttributes | undefined>
  /**
   * Never repeated: a lost answer is settled by looking the key up.
   * @param leaves called when a connection stands, just before the request leaves: what it throws keeps the request back
   */
  createKey(body: CreateKeyBody, leaves: () => void, signal?: AbortSignal): Promise<CreatedKey>
  /** @returns the text of the answer, which holds a PEM block */
  requestCertificate(body: CertificateRequestBody, signal?: AbortSignal): Promise<string>
  /** @returns the bytes of the export, which begin like a zip */
  exportKeyAttestation(key: KeyReference, signal?: AbortSignal): Promise<Uint8Array>
  /**
   * @param leaves awaited before each request, repeated ones too, and what it resolves to is called when a connection stands, just before the
   * request leaves: what either throws keeps the request back and ends the call
   * @returns `absent` where the TSB says 650
   */
  deleteKey(key: KeyReference, leaves: () => Promise<() => void>, signal?: AbortSignal): Promise<'deleted' | 'absent'>
  deleteCertificate(label: string, signal?: AbortSignal): Promise<void>
  /** Whether a text that came from the TSB repeats a credential of this service, or the key's password: then it must not be passed on. */
  reveals(text: string, key?: KeyReference): boolean
  /** Takes no new calls; those under way end as they would. */
  retire(): void
  close(): Promise<void>
}

export interface TsbSettings extends Omit<HttpSettings, 'connections'> {
  readonly bearerToken?: string
  readonly apiKeys: ApiKeys
  readonly certificateRole: CertificateRole
  readonly createKeyTimeoutMs: number
  readonly timeoutMs: number
}

/**
 * Opens the TSB.
 * @param settings where it is and how to identify oneself
 * @param connections sockets at most, beside the one of each create-key
 * @param observer watches the requests
 */
export function openTsb(settings: TsbSettings, connections: number, observer: TsbObserver = UNWATCHED): Tsb {
  const http = openHttp({ ...settings, connections })
  const roles = rolesOf(settings.apiKeys, settings.certificateRole)
  const ownSecrets = [...Object.values(settings.apiKeys).flat(), ...(settings.bearerToken === undefined ? [] : [settings.bearerToken])]

  const secretsWith = (password: readonly string[] | undefined): readonly string[] => (password === undefined ? ownSecrets : [...ownSecrets, password.join('')])

  const send = (request: TsbRequest, signal?: AbortSignal): Promise<TsbAnswer> => roles.send(request.call, async (apiKey) => {
    const { call, method, path, template = path } = request
    const { headers: trace, ended } = observer.leaves({ call, method, template, url: settings.url + path })
    const headers = {
      ...trace,
      ...(apiKey !== undefined && { 'x-api-key': apiKey }),
      ...(settings.bearerToken !== undefined && { authorization: `Bearer ${settings.bearerToken}` }),
    }
    try {
      const answer = await http.send(request, headers, signal)
      ended({ outcome: 'answered', status: answer.status })
      return answer
    } catch (error) {
      ended({ outcome: error instanceof TsbError ? error.code as TsbCallEnd['outcome'] : 'not-sent' })
      throw error
    }
  })

  /** Sends and reads one call; `read` sees 2xx answers only, and how long the call took in milliseconds. */
  const call = async <T>(
    request: TsbRequest, password: readonly string[] | undefined, read: (answer: TsbAnswer, elapsedMs: number) => T, signal?: AbortSignal,
  ): Promise<T> => {
    const started = performance.now()
    const answer = await send(request, signal)
    if (answer.status < 200 || answer.status > 299) throw errorFromAnswer(request.call, answer.status, answer.body, secretsWith(password))
    return read(answer, performance.now() - started)
  }
  /** These answers are attestations, with the HSM's time in them. */
  const attested = <K extends KeyAttributes>(read: (answer: TsbAnswer) => K) => (answer: TsbAnswer, elapsedMs: number): K => {
    const key = read(answer)
    observer.attested(key.attestTime, elapsedMs)
    return key
  }
  const { timeoutMs } = settings

  return {
    versionInfo: (signal) => call(versionInfoRequest(Math.min(timeoutMs, 10_000)), undefined, (answer) => {
      const version = readVersionInfoAnswer(answer)
      // readyz shows the text to everybody.
      return reveals(answer.body.toString('utf8'), ownSecrets) ? { ...version, text: version.numbers.join('.') } : version
    }, signal),
    keystoreStatistics: (signal) => call(keystoreStatisticsRequest(Math.min(timeoutMs, 10_000)), undefined, readKeystoreStatisticsAnswer, signal),
    licenseInfo: (signal) => call(licenseInfoRequest(Math.min(timeoutMs, 10_000)), undefined, readLicenseInfoAnswer, signal),
    keyAttributes: (key, signal) =>
      withRetries(() => call(keyAttributesRequest(key, timeoutMs), key.password, attested(readKeyAttributesAnswer), signal), signal)
        .catch((error: unknown) => { if (isAbsent(error, 404)) return undefined; throw error }),
    createKey: (body, leaves, signal) =>
      call({ ...createKeyRequest(body, settings.createKeyTimeoutMs), leaves }, body.password, attested(readCreateKeyAnswer), signal),
    requestCertificate: (body, signal) =>
      withRetries(() => call(certificateRequestRequest(body, timeoutMs), body.keyPassword, readCertificateRequestAnswer, signal), signal),
    exportKeyAttestation: (key, signal) =>
      withRetries(() => call(keyAttestationRequest(key, timeoutMs), key.password, readKeyAttestationAnswer, signal), signal),
    deleteKey: (key, leaves, signal) =>
      withRetries(async () => {
        const request = { ...deleteKeyRequest(key, timeoutMs), leaves: await leaves() }
        return call(request, key.password, () => 'deleted' as const, signal)
      }, signal)
        .catch((error: unknown) => { if (isAbsent(error)) return 'absent' as const; throw error }),
    deleteCertificate: (label, signal) => call(deleteCertificateRequest(label, timeoutMs), undefined, () => undefined, signal),
    reveals: (text, key) => reveals(text, secretsWith(key?.password)),
    retire: () => http.retire(),
    close: () => http.close(),
  }
}

/** 650 is the TSB's word for "no such key". A bare 404 or an HTML page means nothing: a proxy says that too. */
function isAbsent(error: unknown, status?: number): boolean {
  const upstream = error instanceof TsbError ? error.extras.upstream : undefined
  return upstream?.errorCode === KEY_NOT_EXISTENT && (status === undefined || upstream.status === status)
}
