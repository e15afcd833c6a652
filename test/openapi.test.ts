import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { pino } from 'pino'
import { test } from 'node:test'
import { buildApp } from '../src/app.ts'
import { readSettings } from '../src/config.ts'
import { PROBLEM_CODES } from '../src/errors.ts'
import { journalFor } from './support/journal-url.ts'

test('openapi/openapi.json is what the schemas say (npm run openapi writes it)', async (t) => {
  const app = await buildApp(readSettings({ AUTH_MODE: 'none', TSB_URL: 'http://127.0.0.1:9', JOURNAL_URL: journalFor(t) }), pino({ level: 'silent' }))
  const document = app.http.swagger() as { openapi: string; components: { schemas: Record<string, { properties?: { code?: { enum?: string[] } } }> } }
  await app.stop()
  const committed: unknown = JSON.parse(await readFile(new URL('../openapi/openapi.json', import.meta.url), 'utf8'))
  assert.deepEqual(committed, JSON.parse(JSON.stringify(document)))
  assert.match(document.openapi, /^3\.1/)
  assert.deepEqual(document.components.schemas['Problem']?.properties?.code?.enum, [...PROBLEM_CODES])
})
