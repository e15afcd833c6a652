/**
 * What no key attestation says (what the evidence proves is for the checks to tell): nobody may read more into a bundle than is in it.
 * The claims stand in verification-report.json, and with their reasons on the report page.
 */
export const NOT_PROVEN: readonly { readonly claim: string; readonly reason: string }[] = [
  { claim: 'firmware version of the HSM', reason: 'The attestation does not name it.' },
  {
    claim: 'FIPS 140 or Common Criteria mode of operation',
    reason: 'The attestation does not say in which mode the HSM runs. The operator can export a separate attestation of its state and configuration.',
  },
  {
    claim: 'certification of the HSM as a QSCD',
    reason: 'Compare the serial number and the model with the certificate and the list that you rely on.',
  },
]
