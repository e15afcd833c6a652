import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bundleManifest } from '../src/evidence/bundle-manifest.ts'
import { RULE_NAMES } from '../src/profiles/rule-kinds.ts'
import { CHECKS } from '../src/evidence/verify-evidence.ts'

const page = readFileSync(new URL('../docs/what-the-evidence-proves.md', import.meta.url), 'utf8')
const rows = [...page.matchAll(/^\| `([a-z]+\.[a-z*-]+)` \| (.+) \| (.+) \|$/gm)]
const documented = rows.map(([, id]) => id!)

test('docs/what-the-evidence-proves.md has a row for every check, in the order of the code, and for no other', () => {
  const ids = CHECKS.map(({ id }) => id)
  const own = documented.filter((id) => !id.startsWith('profile.'))
  assert.deepEqual(own.filter((id) => id !== bundleManifest.id), ids)
  assert.deepEqual(own.filter((id) => id === bundleManifest.id), [bundleManifest.id])
})

test('every kind of rule that a profile can have has a row, in the order of the code, and no other', () => {
  assert.deepEqual(documented.filter((id) => id.startsWith('profile.')), RULE_NAMES.map((name) => `profile.${name}`))
})

test('each row says what is proven and what is stopped, in a sentence at least', () => {
  for (const [, id, proven, stopped] of rows) for (const text of [proven, stopped]) assert.match(text!, /^\S.{25,}[.]$/, id)
  assert.equal([...page.matchAll(/^\| `/gm)].length, rows.length)
})
