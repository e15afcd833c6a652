import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { BEGIN, END, withProfiles } from '../../src/profiles/profiles-page.ts'
import { profileOf, PROFILE_NAMES } from '../../src/profiles/profiles.ts'

const page = readFileSync(new URL('../../docs/profiles.md', import.meta.url), 'utf8')

test('docs/profiles.md says what the files say (npm run profiles writes it)', () => {
  assert.equal(page, withProfiles(page))
})

test('every rule and note of every profile is on the page, with its source', () => {
  for (const { name, rules, notes } of PROFILE_NAMES.map(profileOf)) {
    assert.ok(page.includes(`\n### ${name}\n`))
    for (const { reason, source } of rules) assert.ok(page.includes(`| ${reason} | ${source} |`), `${name}: ${reason}`)
    for (const { text, source } of notes) assert.ok(page.includes(`- ${text} (${source})`), `${name}: ${text}`)
  }
})

test('a page without the two marks is left alone', () => {
  for (const bad of ['', BEGIN, END, `${END}${BEGIN}`]) assert.throws(() => withProfiles(bad), /the page needs the lines/)
})
