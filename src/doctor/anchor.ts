import type { EvidenceReport, TrustAnchor } from '../evidence/evidence.ts'
import type { UntrustedCertificate, UntrustedExport } from '../evidence/look-at-export.ts'
import { finding, fingerprint, type Finding } from './diagnosis.ts'

const ARTICLE = "the vendor's knowledge base, article 147"

/**
 * Where the chain of the attestation ends.
 * @param report of the verified evidence
 * @param untrusted the export as it came; a string says why it can't be read
 */
export function judgeAnchor(report: EvidenceReport | undefined, untrusted: UntrustedExport | string | undefined, anchors: readonly TrustAnchor[]): Finding {
  const id = 'hsm.anchor'
  if (report?.facts.anchor !== undefined) {
    const { anchor: { name, sha256, builtIn }, hsmSerial } = report.facts
    const hsm = hsmSerial === undefined ? '' : ` of the HSM with serial number ${hsmSerial}`
    return finding(id, 'passed', `The attestation${hsm} reaches ${name}, SHA-256 ${fingerprint(sha256)}, ${builtIn ? 'the root that this project ships' : 'from TRUST_ANCHORS_FILE'}.`,
      builtIn ? `Compare this fingerprint with ${ARTICLE}.` : undefined)
  }
  if (untrusted === undefined) return finding(id, 'skipped', 'No attestation came.')
  const tops = typeof untrusted === 'string' ? [] : untrusted.tops
  const trusted = `Trusted are ${anchors.map(({ name, sha256 }) => `${name} (${fingerprint(sha256)})`).join(', ')}.`
  if (tops.length === 0) return finding(id, 'failed', `The attestation reaches no trust anchor, and no certificate could be read in it. ${trusted}`)
  return finding(id, 'failed', `The attestation reaches no trust anchor. UNTRUSTED, at the end of what came: ${tops.map(describe).join('; ')}. ${trusted}`, hintFor(tops))
}

const describe = ({ name, issuer, sha256, selfSigned }: UntrustedCertificate): string =>
  `${name}, SHA-256 ${fingerprint(sha256)}${selfSigned ? '' : `, issued by ${issuer}, which did not come along`}`

function hintFor(tops: readonly UntrustedCertificate[]): string {
  // The vendor's own example of what must be refused (KeyAttestation.md, error 19).
  if (tops.some(({ name, issuer }) => `${name} ${issuer}`.includes('SECUROSYS_ROOTKEY_DEV'))) {
    return 'This is a developer HSM or a sandbox: no QTSP takes its attestations. For tests, name its root in TRUST_ANCHORS_FILE.'
  }
  return `Get hsm_rsa_root.crt from ${ARTICLE}, and name the file in TRUST_ANCHORS_FILE. Compare fingerprints: a certificate that came from the TSB proves nothing about itself.`
}

/** @param untrusted as above */
export function judgeFiles(untrusted: UntrustedExport | string | undefined): Finding {
  const id = 'export.files'
  if (untrusted === undefined) return finding(id, 'skipped', 'No export came.')
  if (typeof untrusted === 'string') return finding(id, 'failed', `The zip ${untrusted}.`)
  return finding(id, 'passed', `${untrusted.files.map(({ name, kind }) => `${name} (${KINDS[kind] ?? kind})`).join(', ')}.`)
}

const KINDS: Readonly<Record<string, string>> = { xml: 'attestation', signature: 'its signature', certificates: 'certificates', publicKey: 'public key', readme: 'README', other: 'not known' }
