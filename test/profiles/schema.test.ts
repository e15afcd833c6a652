import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { loadProfiles } from '../../src/profiles/load-profiles.ts'
import { faultsOfProfile } from '../../src/profiles/profile-schema.ts'
import { RULE_NAMES } from '../../src/profiles/rule-kinds.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const FOLDER = join(ROOT, 'src/profiles')
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.json'))
const contentOf = (file: string): Record<string, unknown> => JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Record<string, unknown>

const created: string[] = []
after(() => created.forEach((folder) => rmSync(folder, { recursive: true, force: true })))
function folderOf(files: Readonly<Record<string, string>>): URL {
  const folder = mkdtempSync(join(tmpdir(), 'profiles-'))
  created.push(folder)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return pathToFileURL(`${folder}/`)
}

const frame = { severity: 'error', reason: 'because', source: 'a page' }
const good = {
  name: 'new-one', title: 'A new one', description: 'For this test.', comparedOn: '2026-11-23', notes: [{ text: 'a', source: 'b' }],
  rules: [
    { rule: 'key-strength', rsaBits: 4096, ...frame }, { rule: 'subject-country', ...frame },
    { rule: 'key-usage', required: ['CRL_SIGN'], ...frame },
  ],
}
const withRule = (rule: Record<string, unknown>) => ({ ...good, rules: [rule] })

for (const file of FILES) {
  test(`${file} keeps the schema, and is called what it is named`, () => {
    const content = contentOf(file)
    assert.deepEqual(faultsOfProfile(content), [])
    assert.equal(`${String(content['name'])}.json`, file)
  })
}

test('every kind of rule is used by a profile', () => {
  const used = new Set(FILES.flatMap((file) => (contentOf(file)['rules'] as { rule: string }[]).map(({ rule }) => rule)))
  assert.deepEqual(RULE_NAMES.filter((name) => !used.has(name)), [])
})

describe('a file is refused', () => {
  const { title: _title, ...untitled } = good
  const bad: readonly [string, unknown, RegExp][] = [
    ['that is no object', [], /^must be object/],
    ['without a title', untitled, /^must have required properties title$/],
    ['with a member that nothing reads', { ...good, warnings: {} }, /^\/warnings is not a member/],
    ['without rules', { ...good, rules: [] }, /^\/rules /],
    ['with another date', { ...good, comparedOn: '23.11.2026' }, /^\/comparedOn /],
    ['with a note that has no source', { ...good, notes: [{ text: 'a' }] }, /^\/notes\/0 .*source/],
    ['with an unknown kind of rule', withRule({ rule: 'key-colour', ...frame }), /^\/rules\/0\/rule .*key-strength/],
    ['with another severity', withRule({ rule: 'subject-country', ...frame, severity: 'fatal' }), /^\/rules\/0\/severity .*error, warning/],
    ['with a rule that has no source', withRule({ rule: 'subject-country', severity: 'error', reason: 'x' }), /^\/rules\/0 .*source/],
    ['with an empty reason', withRule({ rule: 'subject-country', ...frame, reason: '' }), /^\/rules\/0\/reason /],
    ['with a rule that lacks its member', withRule({ rule: 'key-strength', ...frame }), /^\/rules\/0 .*rsaBits/],
    ['with a member of another rule', withRule({ rule: 'subject-country', rsaBits: 1, ...frame }), /^\/rules\/0\/rsaBits is not a member/],
    ['with a rule that could never fail', withRule({ rule: 'key-strength', rsaBits: 512, ...frame }), /^\/rules\/0\/rsaBits /],
    ['with a rule that says nothing', withRule({ rule: 'key-usage', ...frame }), /^\/rules\/0 /],
    [
      'with an unknown attribute', withRule({ rule: 'subject-required', attributes: ['organisationName'], ...frame }),
      /^\/rules\/0\/attributes\/0 .*organizationName/,
    ],
    ['with an unknown curve', withRule({ rule: 'key-curve', curves: ['secp256k1'], ...frame }), /^\/rules\/0\/curves\/0 .*P-256/],
    ['with an empty list', withRule({ rule: 'key-algorithm', algorithms: [], ...frame }), /^\/rules\/0\/algorithms /],
  ]
  test('the file that the others are made of is not', () => assert.deepEqual(faultsOfProfile(good), []))
  for (const [name, content, fault] of bad) {
    test(name, () => {
      const faults = faultsOfProfile(content)
      assert.match(faults[0] ?? 'no fault', fault)
      assert.equal(faults.length, 1, faults.join('\n'))
    })
  }
})

describe('a folder of profiles', () => {
  test('gives each under the name of its file', () => {
    assert.deepEqual([...loadProfiles(folderOf({ 'new-one.json': JSON.stringify(good), 'README.md': '#' })).keys()], ['new-one'])
  })
  test('is refused with every fault, each with file and pointer', () => {
    const three = { ...good, name: 'three', rules: [{ rule: 'subject-country', ...frame, source: 1 }] }
    const folder = folderOf({ 'one.json': JSON.stringify(good), 'two.json': '{', 'three.json': JSON.stringify(three) })
    assert.throws(() => loadProfiles(folder), {
      message: [
        'profile one.json: /name must be one, as the file is called', 'profile three.json: /rules/0/source must be string',
        'profile two.json: is not JSON',
      ].join('\n'),
    })
  })
  test('is refused when it is empty', () => assert.throws(() => loadProfiles(folderOf({})), { message: 'there is no profile' }))
})

describe('a copy of the service', () => {
  /** @returns the sources with one more file among the profiles */
  function copyWith(file: string, content: unknown): string {
    const copy = mkdtempSync(join(tmpdir(), 'service-copy-'))
    created.push(copy)
    for (const name of ['src', 'examples', 'package.json']) cpSync(join(ROOT, name), join(copy, name), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
    writeFileSync(join(copy, 'src/profiles', file), JSON.stringify(content))
    mkdirSync(join(copy, 'out'))
    return copy
  }
  const run = (copy: string, ...args: string[]) => new Promise<{ code: unknown; stderr: string }>((resolve) => {
    const env = { ...process.env, AUTH_MODE: 'none', TSB_URL: 'http://127.0.0.1:9', PORT: '0' }
    execFile(process.execPath, args, { cwd: copy, env, timeout: 30_000 }, (error, _stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stderr })
    })
  })

  test('offers one more profile for one more file, with nothing else to change', async () => {
    const copy = copyWith('new-one.json', good)
    assert.deepEqual(await run(copy, 'src/commands/openapi.ts', 'out/openapi.json'), { code: 0, stderr: '' })
    const [, offered] = /"profile": \{\s*"enum": \[([^\]]*)\]/.exec(readFileSync(join(copy, 'out/openapi.json'), 'utf8')) ?? []
    assert.deepEqual(JSON.parse(`[${offered}]`), [...FILES.map((name) => name.slice(0, -'.json'.length)), 'new-one'].sort())
  })
  test('does not start with a broken profile, and says where it is broken', async () => {
    const broken = { ...good, name: 'broken', rules: [{ rule: 'key-strength', rsaBits: '4096', ...frame }] }
    const { code, stderr } = await run(copyWith('broken.json', broken), 'src/server.ts')
    assert.equal(code, 1)
    assert.match(stderr, /^Error: profile broken\.json: \/rules\/0\/rsaBits must be integer$/m)
  })
})
