import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pino } from 'pino'
import type { ApiDocument } from '../api-page/api-document.ts'
import { buildApp } from '../app.ts'
import { readSettings } from '../config.ts'
import { contractTypes } from './contract-types.ts'

/** `npm run openapi`: writes the OpenAPI document that the schemas say, and the client's types, so that the committed copies can be compared with them. */
const [target = 'openapi/openapi.json', types = 'src/client/contract.ts'] = process.argv.slice(2)
const home = await mkdtemp(join(tmpdir(), 'openapi-'))
// Nothing is called: the settings only have to be valid.
const app = await buildApp(readSettings({ AUTH_MODE: 'none', TSB_URL: 'http://127.0.0.1:9', JOURNAL_URL: `file:${join(home, 'journal.sqlite')}` }), pino({ level: 'silent' }))
const document = `${JSON.stringify(app.http.swagger(), null, 2)}\n`
const contract = contractTypes(JSON.parse(document) as ApiDocument)
await app.stop()
await rm(home, { recursive: true })
await mkdir(dirname(target), { recursive: true })
await writeFile(target, document)
await writeFile(types, contract)
process.stdout.write(`${target}: ${document.length} bytes, ${types}: ${contract.length} bytes\n`)
