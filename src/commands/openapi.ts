import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pino } from 'pino'
import { buildApp } from '../app.ts'
import { readSettings } from '../config.ts'

/** `npm run openapi`: writes the OpenAPI document that the schemas say, so that the committed copy can be compared with it. */
const target = process.argv[2] ?? 'openapi/openapi.json'
const home = await mkdtemp(join(tmpdir(), 'openapi-'))
// Nothing is called: the settings only have to be valid.
const app = await buildApp(readSettings({ AUTH_MODE: 'none', TSB_URL: 'http://127.0.0.1:9', JOURNAL_URL: `file:${join(home, 'journal.sqlite')}` }), pino({ level: 'silent' }))
const document = `${JSON.stringify(app.http.swagger(), null, 2)}\n`
await app.stop()
await rm(home, { recursive: true })
await mkdir(dirname(target), { recursive: true })
await writeFile(target, document)
process.stdout.write(`${target}: ${document.length} bytes\n`)
