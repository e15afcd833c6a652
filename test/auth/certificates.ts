import { tlv, sequence } from '../../src/simulator/der.ts'
import { basicConstraints, extendedKeyUsage, extension, keyUsage, type ExtendedKeyUsage } from '../../src/simulator/extensions.ts'
import { nameOf, type Name } from '../../src/simulator/names.ts'
import { certify, ecKeys } from '../../src/simulator/pki.ts'
import type { Certified } from '../../src/simulator/certificates.ts'

/** A certificate with its key, as a TLS client or server takes them. */
export interface Identity {
  readonly cert: string
  readonly key: string
}

export const keyPem = ({ privateKey }: Pick<Certified, 'privateKey'>): string => String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
const identityOf = (certified: Certified): Identity => ({ cert: certified.pem, key: keyPem(certified) })

/** A throw-away CA. */
export async function certificateAuthority(commonName: string, issuer?: Certified): Promise<Certified> {
  const extensions = [keyUsage('KEY_CERT_SIGN', 'CRL_SIGN'), basicConstraints(true)]
  return certify(await ecKeys(), { subject: nameOf(['CN', commonName]), extensions }, issuer)
}

/**
 * A client certificate.
 * @param subject a name, or its CN beside an organisation
 * @param issuer left out for a self-signed one
 * @param changes `usages`: extended key usages, CLIENT_AUTH by default, none for no extension
 */
export async function clientIdentity(subject: Name | string, issuer: Certified | undefined, changes: {
  readonly usages?: readonly ExtendedKeyUsage[]; readonly ca?: boolean; readonly notBefore?: Date; readonly notAfter?: Date
} = {}): Promise<Identity> {
  const { usages = ['CLIENT_AUTH'], ca = false, ...validity } = changes
  return identityOf(certify(await ecKeys(), {
    ...validity, subject: typeof subject === 'string' ? clientName(subject) : subject,
    extensions: [basicConstraints(ca), ...(usages.length > 0 ? [extendedKeyUsage(usages, false)] : [])],
  }, issuer))
}

export const clientName = (commonName: string): Name => nameOf(['C', 'CH'], ['O', 'Example AG'], ['CN', commonName])

/** A certificate for 127.0.0.1. */
export async function serverIdentity(issuer: Certified, validity: { readonly notBefore?: Date; readonly notAfter?: Date } = {}): Promise<Identity> {
  const address = extension('2.5.29.17', false, sequence(tlv(0x87, Buffer.of(127, 0, 0, 1))))
  const extensions = [basicConstraints(false), address, extendedKeyUsage(['SERVER_AUTH'], false)]
  return identityOf(certify(await ecKeys(), { ...validity, subject: nameOf(['CN', 'bundler.test']), extensions }, issuer))
}
