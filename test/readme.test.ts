import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import pkg from '../package.json' with { type: 'json' }
import { VARIABLES } from '../src/settings/environment.ts'

const read = (path: string): Promise<string> => readFile(new URL(`../${path}`, import.meta.url), 'utf8')

test('the README names every setting that is read, and no other', async () => {
  const named = new Set([...(await read('README.md')).matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`/g)].map((match) => match[1]!))
  // Names of the TSB that look like settings.
  for (const other of ['ANY_EXTENDED_KEY_USAGE']) named.delete(other)
  const single = ['HOST', 'PORT']
  assert.deepEqual([...named].sort(), VARIABLES.filter((name) => !single.includes(name)).sort())
})

test('docs/dependencies.md has a line with a reason for every dependency, and for no other', async () => {
  const rows = [...(await read('docs/dependencies.md')).matchAll(/^\| ([^|*]+) \| ([^|]*) \|$/gm)].filter(([, name]) => name !== 'package')
  const wanted = [pkg.dependencies, pkg.devDependencies, pkg.optionalDependencies].flatMap((part) => Object.keys(part))
  assert.deepEqual(rows.flatMap(([, names = '']) => names.split(', ')).sort(), wanted.sort())
  assert.deepEqual(rows.filter(([, , reason = '']) => reason.split(' ').length < 3), [])
})

test('the npm scripts that the README names exist', async () => {
  const named = new Set([...(await read('README.md')).matchAll(/npm run ([a-z]+)/g)].map((match) => match[1]!))
  assert.deepEqual([...named].filter((name) => !(name in pkg.scripts)), [])
})
