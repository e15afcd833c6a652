import { constants, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { check, failed, passed } from './check.ts'
import { readKeyObject } from './signature-algorithm.ts'

declare const signed: unique symbol

/** Bytes of an XML whose signature verified under the leaf of a valid path. Only `signatureValid` makes one, and the XML reader takes nothing else. */
export type SignedXml = Uint8Array & { readonly [signed]: true }

/** RSA-16384: far above anything an HSM signs with. */
const LONGEST_SIGNATURE = 2048

interface Scheme {
  readonly name: string
  readonly verify: (key: KeyObject, data: Uint8Array, signature: Uint8Array) => boolean
}

/** The vendor's documentation has PKCS#1 v1.5 (KeyAttestation.md), its PKCS#11 and JCE samples PSS and ECDSA; all with SHA-256. */
const SCHEMES: Record<string, readonly Scheme[]> = {
  rsa: [
    { name: 'RSA PKCS#1 v1.5 with SHA-256', verify: (key, data, signature) => verify('sha256', data, { key, padding: constants.RSA_PKCS1_PADDING }, signature) },
    {
      name: 'RSA PSS with SHA-256',
      verify: (key, data, signature) => verify('sha256', data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, signature),
    },
  ],
  ec: [{ name: 'ECDSA with SHA-256', verify: (key, data, signature) => verify('sha256', data, key, signature) }],
}

/** The key comes from the leaf of the path, never from the public key file: that file is what a forger would bring. */
export const signatureValid = check('signature.valid', ['files', 'path'], ({ files, path }) => {
  const key = readKeyObject(path.certificates[0].publicKey)
  const schemes = key?.asymmetricKeyType === 'rsa' || key?.asymmetricKeyType === 'ec' ? SCHEMES[key.asymmetricKeyType]! : []
  if (!key || schemes.length === 0) return failed('Expected an attestation certificate with an RSA or EC key; it has another kind.')
  const signature = files.signature.bytes
  if (signature.length === 0 || signature.length > LONGEST_SIGNATURE) return failed(`Expected a signature file of 1 to ${LONGEST_SIGNATURE} bytes; it has ${signature.length}.`)
  const xml = files.xml.bytes
  const scheme = schemes.find((each) => holds(each, key, xml, signature))
  if (scheme) {
    return passed(`The attestation is signed by the attestation certificate's key (${scheme.name}).`, {
      vouched: { xml: xml as SignedXml },
      facts: { signatureAlgorithm: scheme.name },
    })
  }
  const hint = hintFor(xml, signature, (data, bytes) => schemes.some((each) => holds(each, key, data, bytes)))
  return failed(`Expected a signature of the attestation certificate's key over the exact bytes of the XML; the signature does not verify${hint}.`)
})

function holds(scheme: Scheme, key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  try {
    return scheme.verify(key, data, signature)
  } catch {
    return false
  }
}

/** What commonly happens to the files on their way. Only a hint: evidence that was changed is never mended here. */
function hintFor(xml: Uint8Array, signature: Uint8Array, verifies: (data: Uint8Array, signature: Uint8Array) => boolean): string {
  const text = Buffer.from(xml).toString('latin1')
  const trimmed = text.trimEnd() // not /\s+$/, which is quadratic on a file of blanks
  const variants = [trimmed, `${trimmed}\n`, `${trimmed}\n\n`, text.replaceAll('\r\n', '\n'), text.replace(/^\u00ef\u00bb\u00bf/, '')]
  if (variants.some((variant) => verifies(Buffer.from(variant, 'latin1'), signature))) return '; with other line ends or without a byte order mark it would, so something rewrote the XML'
  const decoded = Buffer.from(Buffer.from(signature).toString('latin1'), 'base64')
  return verifies(xml, decoded) ? '; it is base64 text of a signature that would, so something re-encoded the file' : ''
}
