import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { METRICS } from '../../src/observability/metrics.ts'
import { startService } from '../support/service.ts'

const page = await readFile(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
const rows = page.split('\n').filter((line) => line.startsWith('| `')).map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()).slice(1, -1))

test('docs/metrics.md has a row for every metric, with its type and labels, in the order of the code, and for no other', () => {
  const documented = rows.map(([name = '', type, labels = '']) => [name.replaceAll('`', ''), type, labels === '–' ? [] : labels.replaceAll('`', '').split(', ')])
  assert.deepEqual(documented, Object.entries(METRICS).map(([name, { type, labels }]) => [name, type, labels]))
})

test('every row says what the metric means', () => {
  for (const [name, , , meaning = ''] of rows) assert.match(meaning, /^\S.{9,}[^.]$/, name)
})

test('names and types follow the conventions of Prometheus', () => {
  for (const [name, { type, help }] of Object.entries(METRICS)) {
    assert.match(name, /^attestation_bundle_[a-z_]+[a-z]$/)
    assert.equal(name.endsWith('_total'), type === 'counter', `${name}: a counter, and only a counter, ends with _total`)
    if (type === 'histogram') assert.match(name, /_(seconds|bytes)$/, name)
    assert.doesNotMatch(name, /_(ms|milliseconds|kb|mb|gauge|counter)(_|$)/, name)
    assert.ok(help.length > 8 && !help.endsWith('.'), name)
  }
})

test('the service exposes exactly the metrics of the table, beside those of every Node process', async (t) => {
  const service = await startService()
  t.after(() => service.stop())
  const types = [...(await (await service.get('/metrics')).text()).matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!] as const)
  const own = types.filter(([name]) => !/^(process|nodejs)_/.test(name))
  assert.deepEqual(Object.fromEntries(own), Object.fromEntries(Object.entries(METRICS).map(([name, { type }]) => [name, type])))
  assert.ok(types.some(([name]) => name === 'process_resident_memory_bytes'))
})
