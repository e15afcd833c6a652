import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as client from '../../src/client/client.ts'
import { startService } from '../support/service.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const page = readFileSync(join(root, 'docs/client.md'), 'utf8')

test('docs/client.md shows the example as it is, and names only what there is', () => {
  const [, shown] = /```ts\n([^]*?)```/.exec(page) ?? []
  assert.equal(shown, readFileSync(join(root, 'examples/issue-bundle.ts'), 'utf8'))
  const opened = client.openBundleClient({ url: 'http://127.0.0.1:9' })
  const named = [...page.matchAll(/^\| `(\w+)\(/gm)].map((match) => match[1]!)
  assert.deepEqual([...named, 'issue', 'issueUnderLabel'].sort(), Object.keys(opened).sort())
  for (const error of ['BundleProblem', 'NoAnswer'] as const) assert.equal(typeof client[error], 'function')
})

test('the example makes a bundle from a project that has the package linked, as npm install does', async () => {
  const service = await startService()
  const project = realpathSync(mkdtempSync(join(tmpdir(), 'client-page-')))
  try {
    mkdirSync(join(project, 'node_modules'))
    symlinkSync(root, join(project, 'node_modules/attestation-bundler'))
    copyFileSync(join(root, 'examples/issue-bundle.ts'), join(project, 'issue-bundle.ts'))
    const { stdout } = await promisify(execFile)(process.execPath, ['issue-bundle.ts', service.url, 'example'], { cwd: project })
    const [, fileName, sha256] = /^(\S+): \d+ bytes, SHA-256 (\w+)\n$/.exec(stdout) ?? []
    assert.equal(createHash('sha256').update(readFileSync(join(project, fileName!))).digest('hex'), sha256)
    assert.deepEqual(service.simulator.labels().map((label) => `${label}-attestation-bundle.zip`), [fileName])
  } finally {
    await service.stop()
    rmSync(project, { recursive: true })
  }
})
