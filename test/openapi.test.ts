import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { pino } from 'pino'
import { test } from 'node:test'
import type { ApiDocument } from '../src/api-page/api-document.ts'
import { buildApp } from '../src/app.ts'
import type * as Contract from '../src/client/contract.ts'
import { contractTypes } from '../src/commands/contract-types.ts'
import { readSettings } from '../src/config.ts'
import { PROBLEM_CODES } from '../src/errors.ts'
import type { Problem, TransactionView } from '../src/routes/schemas/answers.ts'
import type { OrderBody } from '../src/routes/schemas/order.ts'
import { journalFor } from './support/journal-url.ts'

const read = (path: string): Promise<string> => readFile(new URL(`../${path}`, import.meta.url), 'utf8')

test('openapi/openapi.json is what the schemas say (npm run openapi writes it)', async (t) => {
  const app = await buildApp(readSettings({ AUTH_MODE: 'none', TSB_URL: 'http://127.0.0.1:9', JOURNAL_URL: journalFor(t) }), pino({ level: 'silent' }))
  const document = app.http.swagger() as { openapi: string; components: { schemas: Record<string, { properties?: { code?: { enum?: string[] } } }> } }
  await app.stop()
  const committed: unknown = JSON.parse(await read('openapi/openapi.json'))
  assert.deepEqual(committed, JSON.parse(JSON.stringify(document)))
  assert.match(document.openapi, /^3\.1/)
  assert.deepEqual(document.components.schemas['Problem']?.properties?.code?.enum, [...PROBLEM_CODES])
})

test("the client's types are what the document says (npm run openapi writes them)", async () => {
  assert.equal(await read('src/client/contract.ts'), contractTypes(JSON.parse(await read('openapi/openapi.json')) as ApiDocument))
})

/** Each fits where the other is asked for. */
type Same<A, B> = [A] extends [B] ? [B] extends [A] ? true : false : false

test('and they are the types of the schemas, which the compiler checks', () => {
  // The names of the profiles come from files, which the compiler does not read: to it, the schema's are any string.
  const same: [Same<Omit<Contract.OrderBody, 'profile'>, Omit<OrderBody, 'profile'>>, Same<Contract.TransactionView, TransactionView>, Same<Contract.Problem, Problem>] = [true, true, true]
  const other: Same<Contract.OrderBody, Omit<OrderBody, 'csr'>> = false
  assert.deepEqual([...same, other], [true, true, true, false])
})
