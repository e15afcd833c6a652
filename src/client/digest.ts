/**
 * Compares bytes with a `repr-digest` header (RFC 9530): a dictionary of algorithms, of which SHA-256 and SHA-512 count.
 * @param header the field's value; null where there is none
 * @returns the SHA-256 of the bytes in lower-case hex, or undefined where an algorithm of the header that counts says otherwise, or none counts
 */
export async function checkedDigest(bytes: Uint8Array<ArrayBuffer>, header: string | null): Promise<string | undefined> {
  const said = readDigests(header ?? '')
  if (said.length === 0) return undefined
  for (const { algorithm, base64 } of said) {
    const digest = new Uint8Array(await crypto.subtle.digest(algorithm, bytes))
    if (btoa(String.fromCharCode(...digest)) !== base64) return undefined
  }
  const sha256 = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(sha256, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

const ALGORITHMS: Readonly<Record<string, string>> = { 'sha-256': 'SHA-256', 'sha-512': 'SHA-512' }

/** A member is `name=:base64:`, with parameters behind it that nobody has defined (RFC 8941, section 3.2). */
function readDigests(header: string): { algorithm: string; base64: string }[] {
  return header.split(',').flatMap((member) => {
    const [, name = '', base64 = ''] = /^\s*([a-z0-9*._-]+)=:([A-Za-z0-9+/]+={0,2}):\s*(?:;.*)?$/.exec(member) ?? []
    const algorithm = ALGORITHMS[name]
    return algorithm === undefined ? [] : [{ algorithm, base64 }]
  })
}
