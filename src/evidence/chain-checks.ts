import { KEY_USAGE, commonNameOf } from './certificate.ts'
import type { Certificate } from './certificate.ts'
import { findPath } from './chain.ts'
import { check, failed, passed, warning } from './check.ts'
import type { Path } from './check.ts'
import { describeName } from './distinguished-name.ts'
import { readPem } from './pem.ts'
import { DEFAULT_CURVES, flawOf, readPublicKey } from './public-key.ts'
import { digestOf, remembered } from './remembered.ts'
import { clean, sameBytes, utf8 } from './text.ts'

/** Only seen on device certificates of the vendor's 2024 hierarchy; its meaning is not documented. */
const DEVICE_POLICY = '1.3.6.1.4.1.44668.4.1.3'

export const chainAnchored = check('chain.anchored', ['files'], ({ files }, { trustAnchors }) => {
  const path = findPath(files.certificates.bytes, trustAnchors)
  if (typeof path === 'string') return failed(path)
  const { name, sha256, builtIn } = path.anchor
  const detail = `A path of ${path.certificates.length} certificates leads to the trust anchor ${clean(name)} (SHA-256 ${sha256})`
  const sentence = builtIn ? `${detail}, a public copy of the vendor's root: compare it with the vendor's knowledge base, article 147.` : `${detail}.`
  const found = { vouched: { anchoredPath: path }, facts: { anchor: { name: clean(name), sha256, builtIn } } }
  return path.oddities.length === 0 ? passed(sentence, found) : warning(`${sentence} But the certificate file ${path.oddities.join(', and it ')}.`, found)
})

/** RFC 5280 section 6.1 on the path found. node:crypto's checkIssued and verify take a leaf for an issuer and look at no date. */
export const chainValid = check('chain.valid', ['anchoredPath'], ({ anchoredPath }, { verifiedAt }) => {
  const flaws = anchoredPath.certificates.flatMap((certificate, depth) => {
    const isAnchor = depth === anchoredPath.certificates.length - 1
    const found = [...flawsOfCertificate(certificate, verifiedAt, isAnchor), ...(depth === 0 ? flawsOfLeaf(certificate) : flawsOfIssuer(certificate, depth, isAnchor))]
    return found.map((flaw) => `the certificate ${clean(describeName(certificate.subjectAttributes))} ${flaw}`)
  })
  if (flaws.length > 0) return failed(`Expected valid certificates that may do what they did; ${flaws.join('; ')}.`)
  return passed('All certificates of the path are valid at the time of verification and were allowed to issue or to sign.', {
    vouched: { path: anchoredPath },
    facts: { path: anchoredPath.certificates.map(({ subjectAttributes, sha256 }) => ({ name: clean(describeName(subjectAttributes)), sha256 })) },
  })
})

function flawsOfCertificate(certificate: Certificate, at: Date, isAnchor: boolean): string[] {
  const flaws: string[] = []
  // Written so that an invalid date fails, too.
  if (!(certificate.notBefore.getTime() <= at.getTime())) flaws.push('is not valid yet')
  if (!(at.getTime() <= certificate.notAfter.getTime())) flaws.push('has expired')
  if (certificate.unknownCritical.length > 0) flaws.push(`has critical extensions that are not known here (${clean(certificate.unknownCritical.join(', '))})`)
  // An anchor is trusted by its fingerprint: its own signature proves nothing.
  if (!isAnchor && certificate.signatureAlgorithm?.weak !== false) flaws.push('is not signed with SHA-2')
  const weakness = weaknessOf(certificate.publicKey)
  if (weakness) flaws.push(`has an unsuitable key: ${weakness}`)
  return flaws
}

const weaknessOf = remembered(digestOf, (publicKey: Uint8Array): string | undefined => {
  const key = readPublicKey(publicKey)
  return key ? flawOf(key, publicKey, DEFAULT_CURVES) : 'its key is of a kind that is not known here'
})

function flawsOfLeaf({ isCa, keyUsage }: Certificate): string[] {
  const flaws: string[] = []
  if (isCa || keyUsage?.[KEY_USAGE.keyCertSign]) flaws.push('is a CA certificate and must not sign attestations')
  if (!keyUsage?.[KEY_USAGE.digitalSignature] && !keyUsage?.[KEY_USAGE.nonRepudiation]) flaws.push('has neither digitalSignature nor nonRepudiation')
  return flaws
}

/**
 * At depth n of the path, n - 1 CA certificates lie between an issuer and the leaf. Key usage may be absent (RFC 5280 6.1.4 n) on an anchor
 * only: roots older than 2024 are not public, and the operator pinned this one.
 */
function flawsOfIssuer({ isCa, keyUsage, pathLength }: Certificate, depth: number, isAnchor: boolean): string[] {
  const flaws: string[] = []
  if (!isCa) flaws.push('issued another although it is no CA certificate')
  if (!(keyUsage ? keyUsage[KEY_USAGE.keyCertSign] : isAnchor)) flaws.push('issued another without the key usage keyCertSign')
  if (pathLength !== undefined && depth - 1 > pathLength) flaws.push(`allows ${pathLength} CA certificates below it and has ${depth - 1}`)
  return flaws
}

export const chainDevice = check('chain.device', ['path'], ({ path }) => {
  const device = path.certificates[1]
  const serial = serialOf(path)
  const facts = serial === undefined ? {} : { hsmSerial: serial }
  if (serial !== undefined && device.policies.includes(DEVICE_POLICY)) {
    return passed(`The attestation certificate was issued by the HSM with serial number ${serial}.`, { facts })
  }
  return warning(`Expected an issuer named "PRIMUS HSM KEY (SN: n)" with policy ${DEVICE_POLICY}; it is ${clean(describeName(device.subjectAttributes))}.`, { facts })
})

function serialOf({ certificates: [, device] }: Path): string | undefined {
  return /^PRIMUS HSM KEY \(SN: (\d{1,20})\)$/.exec(commonNameOf(device) ?? '')?.[1]
}

/** The vendor's procedure verifies with this file, so it must be the leaf's key: otherwise anybody's key would do. */
export const chainPublicKey = check('chain.public-key', ['files', 'path'], ({ files, path }) => {
  const [block] = readPem(utf8(files.publicKey.bytes) ?? '', 1) ?? []
  if (block?.label !== 'PUBLIC KEY') return failed('Expected one PEM public key in the public key file; it has something else.')
  if (!sameBytes(block.der, path.certificates[0].publicKey)) {
    return failed("The public key file has another key than the attestation certificate: the vendor's procedure would verify with the wrong key.")
  }
  return passed('The public key file has the key of the attestation certificate.')
})
