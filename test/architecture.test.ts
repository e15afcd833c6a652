import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const SRC = fileURLToPath(new URL('../src/', import.meta.url))

interface Import {
  /** Path below src/. */
  readonly from: string
  /** Path below src/, or the name of a package or builtin. */
  readonly to: string
  readonly local: boolean
  /** `import type`: gone at run time. */
  readonly typeOnly: boolean
}

const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts')).sort()
const textOf = (path: string): string => readFileSync(join(SRC, path), 'utf8')

function importsOf(path: string): Import[] {
  const text = textOf(path)
  const found = [...text.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^'"]*?\sfrom\s+)?'([^']+)'/gm)].map(([, type, to]) => ({ to: to!, typeOnly: type !== undefined }))
  const dynamic = [...text.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)].map(([, to]) => ({ to: to!, typeOnly: false }))
  return [...found, ...dynamic].map(({ to, typeOnly }) => {
    const local = to.startsWith('.')
    return { from: path, to: local ? relative(SRC, join(SRC, dirname(path), to)) : to, local, typeOnly }
  })
}

const all = sources.flatMap(importsOf)
const folderOf = (path: string): string => path.includes('/') ? path.slice(0, path.indexOf('/')) : path
const packageOf = (name: string): string => name.split('/').slice(0, name.startsWith('@') ? 2 : 1).join('/')
const show = ({ from, to, typeOnly }: Import): string => `${from} → ${to}${typeOnly ? ' (type)' : ''}`

/** Which folders and top files each may import, itself apart. What is not named here is not allowed. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'server.ts': ['app.ts', 'config.ts', 'errors.ts'],
  'healthcheck.ts': [],
  'app.ts': ['config.ts', 'auth', 'routes', 'transaction', 'tsb', 'journal', 'observability', 'errors.ts', 'settings'],
  'config.ts': ['settings', 'auth', 'evidence', 'errors.ts'],
  'errors.ts': [],
  'html.ts': [],
  commands: ['app.ts', 'api-page', 'config.ts', 'doctor', 'simulator', 'evidence', 'profiles', 'transaction', 'tsb', 'journal', 'errors.ts'],
  doctor: ['config.ts', 'transaction', 'tsb', 'evidence', 'errors.ts'],
  settings: ['evidence', 'profiles', 'errors.ts'],
  auth: ['settings'],
  routes: ['auth', 'transaction', 'journal', 'profiles', 'api-page', 'errors.ts'],
  'api-page': ['html.ts', 'errors.ts'],
  observability: ['auth', 'transaction', 'tsb', 'journal', 'routes', 'evidence', 'profiles', 'errors.ts'],
  transaction: ['tsb', 'evidence', 'bundle', 'journal', 'profiles', 'errors.ts'],
  tsb: ['evidence', 'errors.ts'],
  journal: ['evidence', 'errors.ts'],
  bundle: ['evidence', 'html.ts'],
  profiles: ['evidence'],
  evidence: [],
  simulator: [],
  client: [],
}

/** Neighbours that know only each other's shapes. */
const TYPES_ONLY: ReadonlySet<string> = new Set(['tsb → evidence', 'journal → evidence', 'bundle → evidence', 'profiles → evidence', 'doctor → config.ts',
  'routes → journal', 'observability → auth', 'observability → transaction', 'observability → tsb', 'observability → journal', 'observability → routes'])

test('the reader of imports sees them', () => {
  assert.ok(sources.length > 50 && all.length > 200)
  const edges = new Set(all.map(show))
  for (const edge of ['server.ts → app.ts', 'tsb/http.ts → undici', 'bundle/pack-bundle.ts → node:crypto',
    'commands/demo.ts → simulator/simulator.ts', 'journal/journal.ts → evidence/evidence.ts (type)']) {
    assert.ok(edges.has(edge), edge)
  }
  assert.equal(all.filter(({ to, local }) => local && to.endsWith('.ts') && !to.startsWith('..') && !sources.includes(to)).length, 0)
})

describe('arrows go one way', () => {
  for (const folder of [...new Set(sources.map(folderOf))]) {
    test(`${folder} imports what it may`, () => {
      const allowed = MAY_IMPORT[folder]
      assert.ok(allowed, `${folder} is new: say here what it may import`)
      const wrong = all.filter(({ from, to, local, typeOnly }) => {
        if (!local || folderOf(from) !== folder || to.startsWith('../')) return false
        const target = folderOf(to)
        if (target === folder) return false
        return !allowed.includes(target) || (TYPES_ONLY.has(`${folder} → ${target}`) && !typeOnly)
      })
      assert.deepEqual(wrong.map(show), [])
    })
  }
  test('no file imports itself in a circle, types apart', () => {
    const next = Map.groupBy(all.filter(({ local, typeOnly }) => local && !typeOnly), ({ from }) => from)
    const done = new Set<string>()
    const walk = (path: string, trail: readonly string[]): string[] => {
      if (trail.includes(path)) return [[...trail.slice(trail.indexOf(path)), path].join(' → ')]
      if (done.has(path)) return []
      const found = (next.get(path) ?? []).flatMap(({ to }) => walk(to, [...trail, path]))
      done.add(path)
      return found
    }
    assert.deepEqual(sources.flatMap((path) => walk(path, [])), [])
  })
  test('outside src only data is imported', () => {
    const outside = all.filter(({ to, local }) => local && to.startsWith('../')).map(({ to }) => to)
    assert.deepEqual([...new Set(outside)].sort(), ['../examples/qualified-seal.json', '../examples/request.json', '../examples/smallest.json', '../package.json'])
  })
})

describe('who knows what', () => {
  const usersOf = (name: string): string[] => [...new Set(all.filter(({ to, local }) => !local && packageOf(to) === name).map(({ from }) => from))]

  test('one door to the network: only src/tsb/http.ts knows undici, and nobody calls fetch but for the keys of an issuer', () => {
    assert.deepEqual(usersOf('undici'), ['tsb/http.ts'])
    assert.deepEqual(sources.filter((path) => /\bfetch\(/.test(textOf(path))), ['auth/jwt.ts', 'commands/demo.ts'])
  })
  test('only src/auth/jwt.ts knows JWTs, and fetches the keys of their issuer', () => assert.deepEqual(usersOf('jose'), ['auth/jwt.ts']))
  test('only routes and the app know the web framework', () => {
    const users = ['fastify', '@fastify/swagger', '@fastify/type-provider-typebox', '@fastify/rate-limit'].flatMap(usersOf)
    assert.deepEqual(users.filter((path) => !path.startsWith('routes/') && !path.startsWith('observability/') && path !== 'app.ts'), [])
    const watching = all.filter(({ from, to }) => from.startsWith('observability/') && to === 'fastify')
    assert.deepEqual(watching.filter(({ typeOnly }) => !typeOnly), [])
  })
  test('only one module knows OpenTelemetry, and it is loaded when it is asked for', () => {
    assert.deepEqual([...new Set(all.filter(({ to }) => to.startsWith('@opentelemetry/')).map(({ from }) => from))], ['observability/opentelemetry.ts'])
    assert.deepEqual(all.filter(({ to }) => to === 'observability/opentelemetry.ts').map(({ from }) => from), ['app.ts'])
    assert.match(textOf('app.ts'), /await import\('\.\/observability\/opentelemetry\.ts'\)/)
  })
  test('only the journal knows its database', () => {
    assert.deepEqual(usersOf('pg'), ['journal/postgres.ts'])
    assert.deepEqual(usersOf('node:sqlite'), ['journal/group-commit.ts', 'journal/sqlite-dialect.ts', 'journal/sqlite.ts'])
    assert.notDeepEqual(usersOf('kysely'), [])
    assert.deepEqual(usersOf('kysely').filter((path) => !path.startsWith('journal/')), [])
  })
  test('the simulator stands alone: only the demo starts it', () => {
    assert.deepEqual(all.filter(({ from, to }) => to.startsWith('simulator/') && !from.startsWith('simulator/')).map(({ from }) => from).filter((from) => from !== 'commands/demo.ts'), [])
    assert.deepEqual(all.filter(({ from, local }) => from.startsWith('simulator/') && !local).map(({ to }) => to).filter((to) => !isBuiltin(to) && packageOf(to) !== 'jszip'), [])
  })
  test('the client stands alone: it imports nothing but itself, no package and no Node, and the service never imports it', () => {
    const own = all.filter(({ from }) => from.startsWith('client/'))
    assert.ok(own.length > 10)
    assert.deepEqual(own.filter(({ to }) => !to.startsWith('client/')).map(show), [])
    assert.deepEqual(all.filter(({ from, to }) => to.startsWith('client/') && !from.startsWith('client/')).map(show), [])
    for (const path of sources.filter((each) => each.startsWith('client/'))) assert.doesNotMatch(textOf(path), /\bBuffer\b|\bprocess\.|\brequire\(/, path)
  })
  test('evidence is pure: bytes in, report out', () => {
    const packages = new Set(all.filter(({ from, local }) => from.startsWith('evidence/') && !local).map(({ to }) => to))
    const allowed = ['node:crypto', 'node:zlib', 'pkijs', 'asn1js', 'saxes', 'yauzl']
    assert.deepEqual([...packages].filter((name) => !allowed.includes(name)), [])
    for (const path of sources.filter((each) => each.startsWith('evidence/'))) {
      assert.doesNotMatch(textOf(path), /\bDate\.now\(|\bnew Date\(\)|\bprocess\.|\bperformance\.|\bMath\.random\(|\bfetch\(/, path)
    }
  })
  test('issue-bundle.ts reads top to bottom: no HTTP, no XML, no zip, no package', () => {
    assert.deepEqual(all.filter(({ from, local }) => from === 'transaction/issue-bundle.ts' && !local).map(({ to }) => to), [])
  })
  test('the environment has one reader, beside the health check of the image', () => {
    // healthcheck.ts runs every two seconds and says in its comment why it reads three variables by itself.
    assert.deepEqual(sources.filter((path) => /\bprocess\.env\b/.test(textOf(path))), ['config.ts', 'healthcheck.ts'])
  })
  test('certificate verification towards the TSB is never switched off', () => {
    // https-servers.ts is the other side: it asks for client certificates, and the routes refuse. config.ts refuses Node's own switch.
    assert.deepEqual(sources.filter((path) => /rejectUnauthorized|NODE_TLS_REJECT_UNAUTHORIZED|checkServerIdentity/.test(textOf(path))),
      ['auth/https-servers.ts', 'config.ts', 'healthcheck.ts'])
  })
})

test('no file in src has more than 220 lines', () => {
  assert.deepEqual(sources.filter((path) => textOf(path).split('\n').length > 221), [])
})
