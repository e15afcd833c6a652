import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { apiPage, API_PAGE_POLICY } from '../../src/api-page/api-page.ts'
import { operationsOf, SHOWN_KEYWORDS, type ApiDocument, type JsonSchema } from '../../src/api-page/api-document.ts'
import { curl, quoted } from '../../src/api-page/curl.ts'
import { PROBLEM_CODES } from '../../src/errors.ts'
import { unescape } from '../bundle/report-content.ts'
import { startService } from '../support/service.ts'

const document = JSON.parse(readFileSync(new URL('../../openapi/openapi.json', import.meta.url), 'utf8')) as ApiDocument
const page = apiPage(document)
const operations = operationsOf(document)

/** What a reader sees: no tags, and blanks as one. */
const textOf = (markup: string): string => unescape(markup.replace(/<style>[^]*?<\/style>/, '').replace(/<[^>]*>/g, '')).replace(/\s+/g, ' ')
const text = textOf(page)
const plain = (written: string): string => written.replaceAll('`', '').replace(/\s+/g, ' ')
const boxes = (markup: string): string[] => [...markup.matchAll(/<pre>([^]*?)<\/pre>/g)].map((match) => unescape(match[1]!).trimEnd())

const within = (schema: JsonSchema): JsonSchema[] =>
  [schema, ...[...Object.values(schema.properties ?? {}), ...schema.anyOf ?? [], ...schema.items ? [schema.items] : []].flatMap(within)]

/** Every schema of the document, nested ones too. */
const schemas = [
  ...Object.values(document.components.schemas),
  ...operations.flatMap(({ operation: { parameters = [], requestBody, responses } }) => [
    ...parameters, ...Object.values(requestBody?.content ?? {}),
    ...Object.values(responses).flatMap(({ headers = {}, content = {} }) => [...Object.values(headers), ...Object.values(content)]),
  ].map(({ schema }) => schema)),
].flatMap(within)

describe('the page shows the whole document', () => {
  test('every keyword that a schema uses has words on the page', () => {
    const used = new Set(schemas.flatMap((schema) => Object.keys(schema)))
    assert.ok(used.has('uniqueItems') && used.has('contentMediaType') && used.size > 15)
    assert.deepEqual([...used].filter((keyword) => !(SHOWN_KEYWORDS as readonly string[]).includes(keyword)), [])
  })

  test('every operation with its parameters, and every member of a schema with its description, pattern, choices and default', () => {
    for (const { path, method, operation } of operations) {
      const parameters = (operation.parameters ?? []).flatMap(({ name, description = '' }) => [name, description])
      for (const part of [`${method.toUpperCase()} ${path}`, operation.summary, ...parameters]) assert.ok(text.includes(plain(part)), part)
    }
    for (const schema of schemas) {
      const { description, pattern, properties = {}, enum: choices = [], default: fallback } = schema
      const shown = [...Object.keys(properties), ...choices.map(String), ...description === undefined ? [] : [description], ...pattern === undefined ? [] : [`pattern ${pattern}`],
        ...typeof fallback === 'string' ? [`default ${fallback}`] : fallback === undefined ? [] : [`default ${JSON.stringify(fallback)}`]]
      for (const part of shown) assert.ok(text.includes(plain(part)), part)
    }
  })

  test('every status of every operation, and every example of it as JSON', () => {
    const shown = boxes(page)
    for (const { operation } of operations) {
      const [, section = ''] = page.split(`<section aria-labelledby="${operation.operationId}"`)
      for (const [status, { content = {} }] of Object.entries(operation.responses)) {
        assert.ok(section.includes(`<span class="status">${status}</span>`), `${operation.operationId} ${status}`)
        for (const { examples = {} } of [...Object.values(content), ...Object.values(operation.requestBody?.content ?? {})]) {
          for (const { value } of Object.values(examples)) assert.ok(shown.includes(JSON.stringify(value, null, 2)), `${operation.operationId} ${status}`)
        }
      }
    }
  })

  test('every problem code once, with its status, and its links lead somewhere', () => {
    for (const code of PROBLEM_CODES) assert.equal(page.split(`id="problem-${code}"`).length, 2, code)
    assert.equal(new Set(operations.map(({ method, path }) => `${method} ${path.replace('/v1/attestation-bundles', '')}`)).size, operations.length, 'short names differ')
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]!)
    assert.equal(new Set(ids).size, ids.length)
    assert.deepEqual([...page.matchAll(/href="#([^"]+)"/g)].map((match) => match[1]!).filter((id) => !ids.includes(id)), [])
  })
})

describe('the page is safe and small', () => {
  test('its policy allows the one style sheet that it has, by hash, and nothing else', () => {
    const sheets = [...page.matchAll(/<style>([^]*?)<\/style>/g)].map((match) => match[1]!)
    assert.equal(sheets.length, 1)
    const hash = createHash('sha256').update(sheets[0]!).digest('base64')
    assert.equal(API_PAGE_POLICY, `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`)
    assert.doesNotMatch(page, /<script|<link|<img|<iframe| style=| on[a-z]+=|javascript:/i)
    assert.ok(page.length < 150_000, `${page.length} characters`)
  })

  test('every text of a document is escaped, wherever it stands', () => {
    const evil = `"><script>alert(1)</script>'\u202e&`
    const spoilt = JSON.parse(JSON.stringify(document, (key, value: unknown) => {
      if (typeof value !== 'string' || key === '$ref') return value
      return value + evil
    })) as ApiDocument
    const { paths: { '/v1/attestation-bundles': bundles = {} } } = document
    const markup = apiPage({ ...spoilt, paths: { ...spoilt.paths, [`/${evil}`]: { [evil]: Object.values(bundles)[0]! } } })
    assert.doesNotMatch(markup, /<script|\u202e/)
    assert.ok(markup.split('&lt;script&gt;').length > 200)
    const tags = (each: string): string[] => [...new Set([...each.matchAll(/<\/?([a-z0-9]+)/gi)].map((match) => match[1]!))].sort()
    assert.deepEqual(tags(markup), tags(page))
  })
})

describe('the commands of the page', () => {
  test('a word for the shell stays one word', async () => {
    const words = ["it's", '$(id)', '`id`', '"', '\\', 'a\nb', "'; id; '"]
    const { stdout } = await promisify(execFile)('sh', ['-c', `printf '%s\\0' ${words.map(quoted).join(' ')}`])
    assert.deepEqual(stdout.split('\0').slice(0, -1), words)
  })

  test('run as they are copied: they make a bundle, find it, and fetch it again', async () => {
    const service = await startService()
    const folder = mkdtempSync(join(tmpdir(), 'api-page-'))
    const run = async (script: string): Promise<string> => (await promisify(execFile)('sh', ['-ec', script], { cwd: folder, env: { ...process.env, BUNDLER: service.url } })).stdout
    try {
      const commands = boxes(page).filter((box) => box.includes('curl '))
      assert.deepEqual(commands, operations.map(curl))
      const [make, find, fetchAgain] = commands
      await run(make!)
      const made = readFileSync(join(folder, 'bundle.zip'))
      assert.equal(made.subarray(0, 4).toString('latin1'), 'PK\u0003\u0004')
      const { transactions } = JSON.parse(await run(find!)) as { transactions: { id: string; status: string }[] }
      assert.deepEqual(transactions.map(({ status }) => status), ['completed'])
      rmSync(join(folder, 'bundle.zip'))
      await run(fetchAgain!.replace(/^ID='[^']+'/, `ID='${transactions[0]!.id}'`))
      assert.ok(readFileSync(join(folder, 'bundle.zip')).equals(made))
    } finally {
      await service.stop()
      rmSync(folder, { recursive: true })
    }
  })
})
