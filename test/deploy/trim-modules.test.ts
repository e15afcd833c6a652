import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { trim } from '../../deploy/image/trim-modules.ts'

test('what Node cannot load goes from the packages, and code, data and licences stay', (t) => {
  const home = mkdtempSync(join(tmpdir(), 'modules-'))
  t.after(() => { rmSync(home, { recursive: true }) })
  const stays = ['one/package.json', 'one/index.js', 'one/LICENSE.md', 'one/data.json', 'one/lib/test/part.js', '@scope/two/package.json', '@scope/two/docs.js',
    // A package.json without a name only says how its folder's files are to be read.
    'one/esm/package.json', 'one/esm/docs/index.js']
  const goes = ['one/index.d.ts', 'one/index.d.mts', 'one/index.js.map', 'one/README.md', 'one/test/index.js', 'one/docs/deep/page.html', '@scope/two/examples/a.js']
  for (const path of [...stays, ...goes]) {
    mkdirSync(dirname(join(home, path)), { recursive: true })
    writeFileSync(join(home, path), path.endsWith('package.json') ? JSON.stringify(path.includes('esm') ? { type: 'module' } : { name: dirname(path) }) : 'x')
  }
  assert.deepEqual(trim(home), { files: goes.length, bytes: goes.length })
  const left = readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name).slice(home.length + 1))
  assert.deepEqual(left.sort(), stays.sort())
})
