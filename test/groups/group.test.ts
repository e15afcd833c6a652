import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { testFiles } from './group.ts'

test('every test file is in one group, and in one only', () => {
  const groups = globSync('[0-9]*.ts', { cwd: import.meta.dirname })
  const members = groups.flatMap((file) => {
    const [, words] = /^await group\((.+)\)$/m.exec(readFileSync(join(import.meta.dirname, file), 'utf8')) ?? assert.fail(file)
    return words!.split(', ').flatMap((word) => testFiles(word.slice(1, -1)))
  })
  assert.deepEqual(members.sort(), testFiles('**').sort())
})

test('the hooks of a file are its own, also where two wait for the same module', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'group-'))
  t.after(() => { rmSync(folder, { recursive: true }) })
  const write = (name: string, text: string): void => { writeFileSync(join(folder, name), text) }
  write('shared.mjs', 'await new Promise((resolve) => setTimeout(resolve, 20))')
  for (const name of ['a', 'b']) {
    write(`${name}.mjs`, `import './shared.mjs'; import { after, beforeEach, test } from 'node:test'
      beforeEach(() => { console.log('before ${name}') }); after(() => { console.log('after ${name}') })
      test('${name}', () => { console.log('in ${name}') })`)
  }
  write('group.mjs', `import { loaded } from ${JSON.stringify(new URL('./group.ts', import.meta.url).href)}
    for (const name of ['a', 'b']) await loaded(name, new URL(\`./\${name}.mjs\`, import.meta.url))`)
  const env = { ...process.env }
  // It would speak to the runner that runs this test.
  delete env['NODE_TEST_CONTEXT']
  const { stdout } = spawnSync(process.execPath, [join(folder, 'group.mjs')], { encoding: 'utf8', env })
  assert.deepEqual(stdout.match(/^(?:before|in|after) .$/gm), ['before a', 'in a', 'after a', 'before b', 'in b', 'after b'])
})
