import { globSync } from 'node:fs'
import { describe } from 'node:test'

const TESTS = new URL('../', import.meta.url)

/** @returns the test files of a glob, relative to `test/`, sorted */
export const testFiles = (glob: string): string[] => globSync(glob, { cwd: TESTS }).filter((file) => file.endsWith('.test.ts')).sort()

/**
 * Runs test files in this process, one after the other, each with its hooks to itself. A process per file would load the same modules a hundred
 * times over.
 * @param globs of files, relative to `test/`
 * @throws Error where a glob names no test file
 */
export async function group(...globs: readonly string[]): Promise<void> {
  for (const glob of globs) {
    const files = testFiles(glob)
    if (files.length === 0) throw new Error(`there is no test file ${glob}`)
    for (const file of files) await loaded(file, new URL(file, TESTS))
  }
}

/**
 * Tests and hooks belong to the suite in whose callback the import began. So each file is loaded before the next suite begins: two at once
 * that wait for a module which they share would both go on in the suite of the first.
 */
export function loaded(name: string, file: URL): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  void describe(name, async () => {
    try {
      await import(file.href)
    } finally {
      resolve()
    }
  })
  return promise
}
