import type { Tsb } from './tsb.ts'

/**
 * A TSB whose credentials may change while it is in use. Calls that are under way end as they began; the next call goes out with what is in
 * force then.
 * @param current the settings in force; another object where they changed
 * @param open opens the TSB with them
 */
export function openReloadedTsb<S>(current: () => S, open: (settings: S) => Tsb): Tsb {
  let settings = current()
  let tsb = open(settings)
  const now = (): Tsb => {
    const next = current()
    if (next !== settings) {
      tsb.retire()
      settings = next
      tsb = open(settings)
    }
    return tsb
  }
  return {
    versionInfo: (signal) => now().versionInfo(signal),
    keystoreStatistics: (signal) => now().keystoreStatistics(signal),
    licenseInfo: (signal) => now().licenseInfo(signal),
    keyAttributes: (key, signal) => now().keyAttributes(key, signal),
    createKey: (body, leaves, signal) => now().createKey(body, leaves, signal),
    requestCertificate: (body, signal) => now().requestCertificate(body, signal),
    exportKeyAttestation: (key, signal) => now().exportKeyAttestation(key, signal),
    deleteKey: (key, leaves, signal) => now().deleteKey(key, leaves, signal),
    deleteCertificate: (label, signal) => now().deleteCertificate(label, signal),
    reveals: (text, key) => now().reveals(text, key),
    retire: () => tsb.retire(),
    close: () => tsb.close(),
  }
}
