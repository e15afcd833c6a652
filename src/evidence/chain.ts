import { isIssuedBy, readCertificate } from './certificate.ts'
import type { Certificate } from './certificate.ts'
import type { Path } from './check.ts'
import type { TrustAnchor } from './evidence.ts'
import { readPem, withoutRemarks } from './pem.ts'
import { utf8 } from './text.ts'

/** Leaf, device, root, and one level to spare: a file with more is not from this vendor, and is not worth the signature checks. */
const MOST_CERTIFICATES = 4

/**
 * Finds the path from the attestation's certificate to a trust anchor, by names and signatures (RFC 5280 section 6.1 without its
 * constraints, which `chain.valid` checks on the path found). Certificates of the file are links at most: trust comes from `anchors` alone.
 * @param file the certificate file of the export: PEM, in any order, with or without the root
 * @returns the path, or the reason why there is none, as a sentence
 */
export function findPath(file: Uint8Array, anchors: readonly TrustAnchor[]): Path | string {
  const text = utf8(file) ?? ''
  const bare = readPem(text, MOST_CERTIFICATES)
  const blocks = bare ?? readPem(withoutRemarks(text), MOST_CERTIFICATES)
  if (!blocks?.every(({ label }) => label === 'CERTIFICATE')) return `Expected 1 to ${MOST_CERTIFICATES} PEM certificates and nothing else in the certificate file.`
  const given = blocks.map(({ der }) => readCertificate(der))
  if (!given.every((certificate) => certificate !== undefined)) return 'Expected X.509 version 3 certificates in DER; the certificate file has something else.'
  if (new Set(given.map(({ sha256 }) => sha256)).size !== given.length) return 'The certificate file has the same certificate twice.'
  const leaves = given.filter((candidate) => !given.some((other) => other !== candidate && isIssuedBy(other, candidate)))
  const [leaf] = leaves
  if (!leaf || leaves.length > 1) return `Expected one certificate that issues no other; the certificate file has ${leaves.length}.`
  if (connectedTo(leaf, given).size !== given.length) return 'The certificate file has a certificate that has nothing to do with the others.'
  const pinned = anchors.map((anchor) => ({ anchor, certificate: readCertificate(anchor.der) }))
    .filter((each): each is Pinned => each.certificate !== undefined && each.certificate.sha256 === each.anchor.sha256)
  const path = pathFrom([leaf], given, pinned)
  if (!path) return 'No path of at most 4 certificates leads from the attestation certificate to a trust anchor.'
  const oddities = [
    // `openssl verify` and `openssl x509` look at the first certificate of a file, and so do the documented commands.
    ...(leaf === given[0] ? [] : ["does not begin with the attestation certificate, so the vendor's commands would check another one"]),
    ...(bare ? [] : ['has text beside its certificates']),
  ]
  return { ...path, oddities }
}

interface Pinned { readonly anchor: TrustAnchor; readonly certificate: Certificate }

/** The first anchor ends the path: an operator who pins a device does not trust the root above it. */
function pathFrom(path: readonly [Certificate, ...Certificate[]], given: readonly Certificate[], pinned: readonly Pinned[]): Omit<Path, 'oddities'> | undefined {
  if (path.length === MOST_CERTIFICATES) return undefined
  const last = path[path.length - 1]!
  for (const { anchor, certificate } of pinned) {
    if (isIssuedBy(last, certificate)) {
      const [leaf, next, ...rest] = [...path, certificate]
      return { certificates: [leaf!, next!, ...rest], anchor }
    }
  }
  for (const issuer of given) {
    const found = !path.includes(issuer) && isIssuedBy(last, issuer) ? pathFrom([...path, issuer], given, pinned) : undefined
    if (found) return found
  }
  return undefined
}

/** The leaf, its issuers, theirs, and so on. */
function connectedTo(leaf: Certificate, given: readonly Certificate[]): Set<Certificate> {
  const connected = new Set([leaf])
  for (const certificate of connected) {
    for (const issuer of given) if (isIssuedBy(certificate, issuer)) connected.add(issuer)
  }
  return connected
}
