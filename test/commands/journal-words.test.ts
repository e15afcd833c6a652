import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { runJournal } from '../../src/commands/journal.ts'
import { journalFor } from '../support/journal-url.ts'

const settings = { AUTH_MODE: 'none', TSB_URL: 'http://127.0.0.1:1' }

describe('what the operator\'s command says when it can do nothing', { concurrency: true }, () => {
  for (const args of [
    [], ['list', 'x'], ['show'], ['settle'], ['forget'], ['frobnicate'], ['list', '--bogus'], ['forget', 'a', 'b'],
    ['show', 'a', '--all'], ['list', '--all=x'],
  ]) {
    test(`wrong words (${args.join(' ')}): 2, and one document that says the right ones`, async () => {
      const { exitCode, output } = await runJournal([...args, '--json'], { env: {}, colour: false })
      assert.equal(exitCode, 2)
      assert.match((JSON.parse(output) as { error: string }).error, /^usage: /)
      assert.match((await runJournal(args, { env: {}, colour: false })).output, /^usage: /)
    })
  }

  test('wrong settings: 78, one line each, and no value', async () => {
    const env = { AUTH_MODE: 'none', JOURNAL_URL: 'planted-url', JOURNAL_ENCRYPTION_KEY: 'planted-key' }
    const { exitCode, output } = await runJournal(['list', '--json'], { env, colour: false })
    assert.equal(exitCode, 78)
    const { error } = JSON.parse(output) as { error: string[] }
    assert.deepEqual(error.map((line) => line.split(':')[0]).sort(), ['JOURNAL_ENCRYPTION_KEY', 'JOURNAL_URL', 'TSB_URL'])
    assert.equal(output.includes('planted'), false)
  })

  test('a journal that cannot be opened: 75, without the password of its URL', async (t) => {
    const broken = journalFor(t)
    writeFileSync(broken.slice('file:'.length), 'no database, but long enough to be looked at as one '.repeat(20))
    for (const url of ['postgres://operator:planted@127.0.0.1:1/journal', broken]) {
      for (const args of [['list'], ['settle', 'x']]) {
        const { exitCode, output } = await runJournal([...args, '--json'], { env: { ...settings, JOURNAL_URL: url }, colour: false })
        assert.equal(exitCode, 75)
        assert.equal(typeof (JSON.parse(output) as { error: unknown }).error, 'string')
        assert.equal(output.includes('planted'), false)
      }
    }
  })

  test('as a process it gives the same code, and standard output holds nothing but the document', async (t) => {
    const journal = journalFor(t)
    for (const [word, env, code] of [['list', { ...settings, JOURNAL_URL: journal }, 0], ['frobnicate', {}, 2]] as const) {
      const child = spawn(process.execPath, ['src/commands/journal.ts', word, '--json'], {
        env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], ...env }, stdio: ['ignore', 'pipe', 'inherit'],
      })
      const [output, [exitCode]] = await Promise.all([text(child.stdout), once(child, 'close') as Promise<[number]>])
      assert.equal(exitCode, code)
      JSON.parse(output)
    }
  })
})
