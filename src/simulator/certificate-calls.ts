import { issueCertificate, certificatePem } from './certificates.ts'
import { needsApproval } from './create-key.ts'
import { createCsr, csrPem } from './csr.ts'
import { extendedKeyUsageOids, keyUsageBits, type ExtendedKeyUsage, type KeyUsage } from './extensions.ts'
import { keytoolDn, parseKeytoolDn, subjectFields, type CertificateAttributes } from './keytool-name.ts'
import type { Name } from './names.ts'
import { emptyAnswer, fileAnswer, jsonAnswer, type Answer, type CallInput, type Context } from './options.ts'
import { findKey, openKey, type StoredKey } from './partition.ts'
import { enumList, enumValue, fieldsOf, optionalInteger, optionalText, password, requiredFields, requiredText, type Fields } from './request-fields.ts'
import { fitsKey, requestAlgorithms } from './signatures.ts'
import { refusal } from './tsb-reasons.ts'

const keyUsages = Object.keys(keyUsageBits) as KeyUsage[]
const extendedKeyUsages = Object.keys(extendedKeyUsageOids) as ExtendedKeyUsage[]
const DAY = 24 * 60 * 60 * 1000
/** The label becomes part of a temporary file name, which has at most 255 bytes (contract 2.2). */
const LONGEST_LABEL = 195

/** Makes a CSR (`POST /v1/certificate/synchronous/request`). @throws TsbRefusal as `makeCsr`. */
export async function certificateRequest(context: Context, { body }: CallInput): Promise<Answer> {
  const { key, pem } = await makeCsr(context, body)
  return jsonAnswer(200, { label: key.label, certificateSigningRequest: pem })
}

/** Makes a CSR as a file (`POST /v1/certificate/synchronous/request/download`). @throws TsbRefusal as `makeCsr`. */
export async function certificateDownload(context: Context, { body }: CallInput): Promise<Answer> {
  const { key, pem } = await makeCsr(context, body)
  return fileAnswer(`${key.label}.csr`, Buffer.from(pem))
}

/**
 * Makes a CSR and leaves a self-signed certificate at the key, as the TSB does since 1.16.1 (contract 5, 8.5).
 * @throws TsbRefusal 411, 501, 600, 620, 621, 650, 701, 703.
 */
async function makeCsr(context: Context, body: unknown): Promise<{ key: StoredKey; pem: string }> {
  const fields = fieldsOf(body)
  const label = requiredText(fields, 'signKeyName')
  const keyPassword = password(fields, 'keyPassword')
  const algorithm = enumValue(requiredText(fields, 'signatureAlgorithm'), 'signatureAlgorithm', requestAlgorithms)
  const attributes = readSubject(requiredFields(fields, 'standardCertificateAttributes'))
  const usages = enumList(fields, 'keyUsage', keyUsages)
  const extendedUsages = enumList(fields, 'extendedKeyUsage', extendedKeyUsages)
  const days = optionalInteger(fields, 'validity') ?? 365
  if (attributes.commonName === undefined) {
    throw refusal(411, 'Could create Certificate Signing request, as the commonName is not specified.')
  }
  const key = openKey(context.partition, label, keyPassword)
  if (Buffer.byteLength(label) > LONGEST_LABEL) throw refusal(703, 'File name too long')
  if (needsApproval(key)) throw refusal(701, 'The key operation failed with an authorization error. The provided approvals might be insufficient.')
  if (!key.flags.sign) throw refusal(701, 'HSM error: status: PKCS#11: KEY_FUNCTION_NOT_PERMITTED')
  if (!fitsKey(algorithm, key.privateKey)) throw csrFailed('The signature Algorithm is not valid for this key type.')
  const subject = readDn(attributes)
  const der = createCsr({ ...key, subject, algorithm, keyUsage: usages, extendedKeyUsage: extendedUsages })
  key.useCount += 1
  const notBefore = context.now()
  context.partition.certificates.set(label, issueCertificate({
    subject, publicKey: key.publicKey, issuer: { subject, privateKey: key.privateKey }, algorithm, extensions: [],
    notBefore, notAfter: new Date(notBefore.getTime() + days * DAY),
  }))
  const pem = csrPem(der)
  return { key, pem: await context.alter.csr?.(pem, key) ?? pem }
}

const csrFailed = (why: string) => refusal(701, `Could not create certificate request: ${why}`)

function readSubject(fields: Fields): CertificateAttributes {
  const subject: Record<string, string> = {}
  for (const field of subjectFields) {
    const value = optionalText(fields, field)
    if (value !== undefined && value !== '') subject[field] = value
  }
  return subject
}

function readDn(attributes: CertificateAttributes): Name {
  try {
    return parseKeytoolDn(keytoolDn(attributes))
  } catch (error) {
    throw csrFailed(error instanceof Error ? error.message : String(error))
  }
}

/** Reads the certificate object of a key (`GET /v1/certificate/{name}`). @throws TsbRefusal 402, 650, 701. */
export function getCertificate(context: Context, { name }: CallInput): Answer {
  const der = certificateOf(context, name)
  return jsonAnswer(200, { label: name, certificate: certificatePem(der), rawCertificate: der.toString('base64') })
}

/** Deletes the certificate object of a key (`DELETE /v1/certificate/{name}`). @throws TsbRefusal 402, 650, 701. */
export function deleteCertificate(context: Context, { name }: CallInput): Answer {
  certificateOf(context, name)
  context.partition.certificates.delete(name)
  return emptyAnswer(200)
}

function certificateOf({ partition }: Context, label: string): Buffer {
  const der = partition.certificates.get(label)
  if (der !== undefined) return der
  findKey(partition, label)
  throw refusal(402, `Key with name '${label}' does not have a valid certificate attached.`)
}
