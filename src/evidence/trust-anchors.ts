import { BUILT_IN_ANCHOR_PEM, BUILT_IN_ANCHOR_SHA256 } from './built-in-anchor.ts'
import { KEY_USAGE, readCertificate } from './certificate.ts'
import { describeName } from './distinguished-name.ts'
import type { TrustAnchor } from './evidence.ts'
import { readPem, withoutRemarks } from './pem.ts'
import { clean } from './text.ts'

/** More roots than the vendor will ever have, and little enough to compare each. */
const MOST_ANCHORS = 50

/**
 * Reads trust anchors. An anchor must be able to issue, so a leaf certificate is refused here, at start, and not at the first attestation.
 * @param pem one or several blocks `CERTIFICATE` (RFC 7468) and nothing else; the same certificate twice counts once
 * @param origin `builtIn`: whether this is the project's own copy of the vendor's root, as reports must say
 * @throws Error with a plain sentence when the text is no PEM, a block is no certificate or no CA certificate, or there is none
 */
export function parseTrustAnchors(pem: string, { builtIn }: { readonly builtIn: boolean }): TrustAnchor[] {
  if (pem.trim() === '') throw new Error('There is no trust anchor: expected at least one PEM certificate.')
  const blocks = readPem(withoutRemarks(pem), MOST_ANCHORS)
  if (!blocks) throw new Error(`The trust anchors cannot be read: expected 1 to ${MOST_ANCHORS} PEM certificates.`)
  const anchors = new Map<string, TrustAnchor>()
  for (const [i, { label, der }] of blocks.entries()) {
    const certificate = label === 'CERTIFICATE' ? readCertificate(der) : undefined
    if (!certificate) throw new Error(`Trust anchor ${i + 1} cannot be read: expected an X.509 version 3 certificate in DER.`)
    const name = clean(describeName(certificate.subjectAttributes))
    if (!certificate.isCa || (certificate.keyUsage && !certificate.keyUsage[KEY_USAGE.keyCertSign])) {
      throw new Error(`Trust anchor ${i + 1} (${name}) is not a CA certificate, so nothing can lead to it.`)
    }
    // The vendor's root is the vendor's root, also where an operator lists it.
    anchors.set(certificate.sha256, { der, sha256: certificate.sha256, name, builtIn: builtIn || certificate.sha256 === BUILT_IN_ANCHOR_SHA256 })
  }
  return [...anchors.values()]
}

/** The root that this project ships. See built-in-anchor.ts for its origin. */
export function builtInTrustAnchors(): TrustAnchor[] {
  return parseTrustAnchors(BUILT_IN_ANCHOR_PEM, { builtIn: true })
}
