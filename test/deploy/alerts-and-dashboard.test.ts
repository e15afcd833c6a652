import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { PROBLEM_CODES } from '../../src/errors.ts'
import { CHECKS } from '../../src/evidence/verify-evidence.ts'
import { METRICS } from '../../src/observability/metrics.ts'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** Labels that Prometheus adds to what it scrapes. */
const ADDED = ['namespace', 'job', 'instance']
/** Of all metrics that prom-client makes of a Node process, those that the dashboard shows. */
const OF_THE_PROCESS = ['process_resident_memory_bytes', 'nodejs_eventloop_lag_p99_seconds']

/** Asserts that every metric of an expression is one that the service has, with labels that it has. @returns the metrics */
function check(expression: string): string[] {
  const used = [...expression.matchAll(/\b((?:attestation_bundle|process|nodejs)_[a-z0-9_]+)(?:\{([^}]*)\})?/g)]
  assert.ok(used.length > 0, expression)
  return used.map(([, series = '', selector = '']) => {
    if (OF_THE_PROCESS.includes(series)) return series
    const family = Object.entries(METRICS).find(([name, { type }]) => (type === 'histogram' ? ['_bucket', '_sum', '_count'].map((part) => name + part) : [name]).includes(series))
    assert.ok(family, `${series} exists`)
    const labels = [...selector.matchAll(/([a-z_]+)\s*[=!]~?\s*"/g)].map(([, label]) => label!)
    const known: readonly string[] = [...family[1].labels, ...ADDED]
    assert.deepEqual(labels.filter((label) => !known.includes(label)), [], series)
    return family[0]
  })
}

describe('deploy/prometheus/attestation-bundler.rules.yaml', () => {
  const text = read('deploy/prometheus/attestation-bundler.rules.yaml')
  const [, ...rules] = text.split(/^ {6}- alert: /m)
  const of = (rule: string, name: string): string => new RegExp(`^ +${name}: (.+)$`, 'm').exec(rule)?.[1] ?? ''
  const names = rules.map((rule) => rule.split('\n', 1)[0]!)

  test('every rule is about metrics and labels that the service has', () => { for (const rule of rules) check(of(rule, 'expr')) })

  test('what the rules pick out by a pattern is there', () => {
    const match = (label: string, values: readonly string[]): void => {
      for (const [, pattern = ''] of text.matchAll(new RegExp(`\\b${label}=~?"([^"]+)"`, 'g'))) {
        // Each way that a pattern leaves open names something: a check that was renamed must not make an alert deaf.
        const ways = /^([a-z-]+)\((.+)\)$/.exec(pattern)
        for (const way of ways ? ways[2]!.split('|').map((end) => ways[1]! + end) : pattern.replaceAll('\\\\', '\\').split('|')) {
          assert.ok(values.some((value) => new RegExp(`^(?:${way})$`).test(value)), `${label} ${way}`)
        }
      }
    }
    match('code', PROBLEM_CODES)
    match('check', CHECKS.map(({ id }) => id))
  })

  test('every rule has a severity, a summary, a description, and a section in docs/alerts.md, which has no other', () => {
    for (const rule of rules) {
      assert.match(of(rule, 'labels'), /^\{ severity: (critical|warning) \}$/)
      assert.ok(of(rule, 'summary').length > 10 && of(rule, 'description').length > 40)
      assert.equal(of(rule, 'runbook_url'), `docs/alerts.md#${rule.split('\n', 1)[0]!.toLowerCase()}`)
    }
    const sections = read('docs/alerts.md').split(/^## /m).slice(1)
    assert.deepEqual(sections.map((section) => section.split('\n', 1)[0]), names)
    for (const section of sections) assert.ok(section.length > 150, section)
  })

  test('each rule is heard in the unit tests', () => {
    const tests = read('test/deploy/attestation-bundler.rules.test.yaml')
    const heard = new Set([...tests.matchAll(/alertname="(\w+)",alertstate="firing",[^}]*severity|alertname: (\w+)\n +eval_time: \w+\n +exp_alerts:\n/g)].map(([, first, second]) => first ?? second))
    assert.deepEqual(names.filter((name) => !heard.has(name)), [])
  })
})

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly datasource?: unknown
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly fieldConfig?: { readonly defaults: { readonly unit: string }; readonly overrides: unknown[] }
  readonly options?: object
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly datasource: unknown; readonly legendFormat: string }[]
}

describe('deploy/grafana/attestation-bundler.json', () => {
  const dashboard = JSON.parse(read('deploy/grafana/attestation-bundler.json')) as {
    id: null; uid: string; title: string; schemaVersion: number; panels: Panel[]; templating: { list: { name: string; type: string }[] }
    time: { from: string; to: string }; annotations: { list: unknown[] }
  }
  const panels = dashboard.panels.filter(({ type }) => type !== 'row')
  const source = { type: 'prometheus', uid: '${datasource}' }

  test("is a dashboard of Grafana's classic model, which asks for its data source", () => {
    assert.deepEqual([dashboard.id, dashboard.uid, dashboard.schemaVersion], [null, 'attestation-bundler', 39])
    assert.ok(dashboard.uid.length <= 40)
    assert.deepEqual(dashboard.templating.list.map(({ name, type }) => [name, type]), [['datasource', 'datasource'], ['namespace', 'query'], ['job', 'query']])
    assert.deepEqual([dashboard.time, dashboard.annotations], [{ from: 'now-6h', to: 'now' }, { list: [] }])
  })

  test('every panel has a title, a description, a unit, options and queries with a legend, each on the data source that was chosen', () => {
    assert.ok(panels.length > 15)
    assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length)
    for (const { type, title, description, datasource, fieldConfig, options, targets = [] } of panels) {
      assert.ok(['stat', 'timeseries'].includes(type), title)
      assert.ok(title.length > 2 && description && fieldConfig?.defaults.unit && options, title)
      assert.deepEqual([datasource, ...targets.map((target) => target.datasource)], Array.from({ length: targets.length + 1 }, () => source), title)
      assert.deepEqual(targets.map(({ refId }) => refId), ['A', 'B', 'C', 'D'].slice(0, Math.max(targets.length, 1)), title)
      if (type === 'timeseries') assert.ok(targets.every(({ legendFormat }) => legendFormat !== ''), title)
    }
  })

  test('panels fill rows of 24 columns and do not overlap', () => {
    const taken = new Set<string>()
    for (const { title, gridPos: { x, y, w, h } } of dashboard.panels) {
      assert.ok(x >= 0 && x + w <= 24, title)
      for (let column = x; column < x + w; column++) {
        for (let line = y; line < y + h; line++) {
          assert.ok(!taken.has(`${column} ${line}`), title)
          taken.add(`${column} ${line}`)
        }
      }
    }
  })

  test('every query is about metrics and labels that the service has, and picks the chosen namespace and job', () => {
    for (const { expr } of panels.flatMap(({ targets = [] }) => targets)) {
      check(expr.replaceAll('$__rate_interval', '5m'))
      assert.ok(expr.includes('namespace=~"$namespace", job=~"$job"'), expr)
    }
  })

  test('every metric of the service is used', () => {
    const shown = new Set(panels.flatMap(({ targets = [] }) => targets).flatMap(({ expr }) => check(expr)))
    assert.deepEqual(Object.keys(METRICS).filter((name) => !shown.has(name)), [])
  })
})
