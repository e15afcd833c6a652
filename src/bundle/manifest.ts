import { createHash } from 'node:crypto'
import { json } from './json.ts'
import type { BundleContent, BundleFile } from './bundle-content.ts'

/**
 * `manifest.json`: what the bundle is, and name, size and SHA-256 of every other file in it.
 * @param content the bundle
 * @param files every other file
 */
export function manifestOf(content: BundleContent, files: readonly BundleFile[]): BundleFile {
  const { facts, verdict, verifiedAt } = content.report
  return {
    name: 'manifest.json',
    bytes: json({
      schemaVersion: 1,
      label: content.label,
      transactionId: content.transactionId,
      startedAt: content.startedAt.toISOString(),
      verifiedAt,
      verdict,
      publicKeySha256: facts.publicKeySha256,
      hsmSerial: facts.hsmSerial,
      trustAnchor: facts.anchor,
      files: files.map(({ name, bytes }) => ({ name, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') })),
    }),
  }
}
