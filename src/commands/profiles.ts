import { readFile, writeFile } from 'node:fs/promises'
import { withProfiles } from '../profiles/profiles-page.ts'

/** `npm run profiles`: writes the rules of the profiles into `docs/profiles.md`, so that the page says what the files say. */
const target = process.argv[2] ?? 'docs/profiles.md'
const page = withProfiles(await readFile(target, 'utf8'))
await writeFile(target, page)
process.stdout.write(`${target}: ${page.length} characters\n`)
