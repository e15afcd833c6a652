/** One PEM block (RFC 7468). */
export interface PemBlock {
  readonly label: string
  readonly der: Uint8Array
}

/**
 * Reads a text that holds PEM blocks and nothing else: blank space around and between them, base64 in its one canonical spelling inside
 * (RFC 7468 section 3, strict). Explanatory text is refused: it is where a second reader might see another block.
 * @param text the whole file
 * @param most more blocks than this are refused before anything is decoded
 * @returns the blocks, at least one; undefined when the text is anything else
 */
export function readPem(text: string, most: number): PemBlock[] | undefined {
  const blocks: PemBlock[] = []
  const block = /\s*-----BEGIN ([A-Z0-9 ]{1,40})-----[ \t]*\r?\n([A-Za-z0-9+/=\r\n]*?)\r?\n-----END ([A-Z0-9 ]{1,40})-----\s*/y
  while (block.lastIndex < text.length) {
    if (blocks.length === most) return undefined
    const found = block.exec(text)
    if (!found) return undefined
    const [, begin, body, end] = found
    const der = readBase64(body!.replace(/\r?\n/g, ''))
    if (begin !== end || !der || der.length === 0) return undefined
    blocks.push({ label: begin!, der })
  }
  return blocks.length > 0 ? blocks : undefined
}

/** Decodes base64 in its canonical spelling only (RFC 4648 section 3.5: padding there, spare bits zero, nothing else), else undefined. */
export function readBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

/**
 * Leaves out what stands outside the blocks (RFC 7468 section 2 lets generators write explanatory text there; `openssl x509 -text` does).
 * Only for certificates, which prove themselves by their signatures.
 */
export function withoutRemarks(pem: string): string {
  let inside = false
  return pem.split(/\r?\n/).filter((line) => {
    if (line.startsWith('-----BEGIN ')) inside = true
    const keep = inside
    if (line.startsWith('-----END ')) inside = false
    return keep
  }).join('\n')
}
