import { certificateDownload, certificateRequest, deleteCertificate, getCertificate } from './certificate-calls.ts'
import { createKey } from './create-key.ts'
import { deleteKey, deleteKeyByName, keyAttestation, keyAttributes, keyAttributesByName, listKeys } from './key-calls.ts'
import type { Answer, CallInput, Context } from './options.ts'
import { keystoreStatistics, licenseInfo, versionInfo } from './service-calls.ts'

/** The TSB's calls by the names that faults use; the two ways to read or delete a key share one. */
export const CALL_NAMES = ['version-info', 'license-info', 'keystore-statistics', 'create-key', 'list-keys', 'key-attributes', 'delete-key', 'key-attestation',
  'certificate-request', 'certificate-download', 'get-certificate', 'delete-certificate'] as const
export type CallName = typeof CALL_NAMES[number]

export interface Call {
  readonly name: CallName
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Which key the call takes; `certificate` is whatever the options say (contract 7.3). */
  readonly role: 'keyManagement' | 'certificate' | 'service'
  readonly path: RegExp
  readonly run: (context: Context, input: CallInput) => Answer | Promise<Answer>
}

const calls: readonly Call[] = [
  { name: 'create-key', method: 'POST', role: 'keyManagement', path: /^\/v1\/key$/, run: createKey },
  { name: 'list-keys', method: 'GET', role: 'keyManagement', path: /^\/v1\/key$/, run: listKeys },
  { name: 'key-attributes', method: 'POST', role: 'keyManagement', path: /^\/v1\/key\/attributes$/, run: keyAttributes },
  { name: 'key-attributes', method: 'GET', role: 'keyManagement', path: /^\/v1\/key\/([^/]+)\/attributes$/, run: keyAttributesByName },
  { name: 'delete-key', method: 'POST', role: 'keyManagement', path: /^\/v1\/key\/deleteKey$/, run: deleteKey },
  { name: 'key-attestation', method: 'POST', role: 'keyManagement', path: /^\/v1\/key\/keyAttestation$/, run: keyAttestation },
  { name: 'delete-key', method: 'DELETE', role: 'keyManagement', path: /^\/v1\/key\/([^/]+)$/, run: deleteKeyByName },
  { name: 'certificate-request', method: 'POST', role: 'certificate', path: /^\/v1\/certificate\/synchronous\/request$/, run: certificateRequest },
  { name: 'certificate-download', method: 'POST', role: 'certificate', path: /^\/v1\/certificate\/synchronous\/request\/download$/, run: certificateDownload },
  { name: 'get-certificate', method: 'GET', role: 'certificate', path: /^\/v1\/certificate\/([^/]+)$/, run: getCertificate },
  { name: 'delete-certificate', method: 'DELETE', role: 'certificate', path: /^\/v1\/certificate\/([^/]+)$/, run: deleteCertificate },
  { name: 'version-info', method: 'GET', role: 'service', path: /^\/v1\/versionInfo$/, run: versionInfo },
  { name: 'license-info', method: 'GET', role: 'service', path: /^\/v1\/licenseInfo$/, run: licenseInfo },
  { name: 'keystore-statistics', method: 'GET', role: 'service', path: /^\/v1\/keystore\/statistics$/, run: keystoreStatistics },
]

/** Finds the call for a request. `name` is the path's `{name}` as it was sent. `allowed` tells a wrong method from a wrong path. */
export function findCall(method: string, path: string): { call: Call; name: string } | { allowed: readonly string[] } {
  const atPath = calls.filter((call) => call.path.test(path))
  const call = atPath.find((candidate) => candidate.method === method)
  return call === undefined ? { allowed: atPath.map((other) => other.method) } : { call, name: call.path.exec(path)?.[1] ?? '' }
}
