import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** A journal of its own for one test, as JOURNAL_URL. It is removed after the test, so close the journal before it ends. */
export function journalFor(t: TestContext): string {
  const home = mkdtempSync(join(tmpdir(), 'journal-'))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  return `file:${join(home, 'journal.sqlite')}`
}
