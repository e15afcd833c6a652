import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { watchFiles, type WatchedFiles } from '../../src/settings/watched-files.ts'

let folder = ''
let time = 0
let events: string[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'watched-'))
  time = 1_000_000
  events = []
})
afterEach(() => { rmSync(folder, { recursive: true, force: true }) })

const at = (name: string): string => join(folder, name)
const put = (name: string, text: string): void => writeFileSync(at(name), text)

function watch(...names: string[]): WatchedFiles<string> {
  return watchFiles({
    paths: names.map(at), first: names.map(() => 'one'), now: () => new Date(time),
    parse(contents) {
      if (contents.includes('bad')) throw new Error('it is bad')
      return contents.join('+')
    },
    changed: (value) => events.push(`changed to ${value}`),
    failed: (reason) => events.push(reason),
  })
}

describe('a watched file', () => {
  test('is read again when it changed, once a second at most', () => {
    put('a', 'one')
    const file = watch('a')
    put('a', 'two')
    assert.equal(file.current(), 'one')
    time += 999
    assert.equal(file.current(), 'one')
    time += 1
    assert.equal(file.current(), 'two')
    time += 5_000
    assert.equal(file.current(), 'two')
    assert.deepEqual(events, ['changed to two'])
  })
  test('is read again when told to, and after the clock was set back', () => {
    put('a', 'two')
    const file = watch('a')
    file.look()
    assert.equal(file.current(), 'two')
    put('a', 'six')
    time -= 3_600_000
    assert.equal(file.current(), 'six')
  })
  test('keeps its last good value while it is bad or gone, and says so once each', () => {
    put('a', 'one')
    const file = watch('a')
    const look = (): string => {
      time += 1_000
      return file.current()
    }
    put('a', 'bad')
    assert.deepEqual([look(), look()], ['one', 'one'])
    rmSync(at('a'))
    assert.deepEqual([look(), look()], ['one', 'one'])
    mkdirSync(at('a'))
    assert.equal(look(), 'one')
    rmSync(at('a'), { recursive: true })
    put('a', 'two')
    assert.equal(look(), 'two')
    assert.deepEqual(events, ['it is bad', 'cannot be read (ENOENT)', 'cannot be read (EISDIR)', 'changed to two'])
  })
  test('is followed through a symbolic link that is moved, as Kubernetes mounts secrets', () => {
    for (const [version, text] of [['v1', 'one'], ['v2', 'two']] as const) {
      mkdirSync(at(version))
      put(`${version}/a`, text)
    }
    symlinkSync('v1', at('..data'))
    symlinkSync('..data/a', at('a'))
    const file = watch('a')
    symlinkSync('v2', at('..new'))
    renameSync(at('..new'), at('..data'))
    time += 1_000
    assert.equal(file.current(), 'two')
  })
})

test('files that belong together change together: a half-written pair changes nothing', () => {
  put('a', 'one')
  put('b', 'one')
  const files = watch('a', 'b')
  put('a', 'bad')
  files.look()
  assert.equal(files.current(), 'one+one')
  put('a', 'two')
  put('b', 'two')
  files.look()
  assert.equal(files.current(), 'two+two')
})

test('what cannot be used at the start is thrown', () => {
  const parse = (): never => { throw new Error('it is bad') }
  const bad = { paths: [at('a')], first: ['bad'], now: () => new Date(time), parse, failed: () => undefined }
  assert.throws(() => watchFiles(bad), /it is bad/)
})
