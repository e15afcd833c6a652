/**
 * A PKCS#10 in PEM under the header that RFC 7468 section 7 asks for. The TSB writes `NEW CERTIFICATE REQUEST`, which some CAs refuse; the
 * header is outside the signature and the DER stays the same.
 * @param der DER CertificationRequest
 * @returns lines of 64 characters, LF, a line feed at the end
 */
export function pemOfCsr(der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE REQUEST-----', ...lines, '-----END CERTIFICATE REQUEST-----', ''].join('\n')
}
