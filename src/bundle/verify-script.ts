import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { BundleFile } from './bundle-content.ts'

/** `verify.sh` as it is published with the project, byte for byte: a bundle's copy is as good as its sender, so it must be easy to compare. */
export const VERIFY_SCRIPT: BundleFile = { name: 'verify.sh', bytes: readFileSync(new URL('verify.sh', import.meta.url)) }

/** SHA-256 over the published `verify.sh`, lower-case hex. */
export const VERIFY_SCRIPT_SHA256: string = createHash('sha256').update(VERIFY_SCRIPT.bytes).digest('hex')
