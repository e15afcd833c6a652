import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
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

/** What a caller's compiler has to take and to refuse. */
const CALLER = `import { BundleProblem, openBundleClient } from 'attestation-bundler/client'
const client = openBundleClient({ url: 'http://127.0.0.1:9' })
const csr = { standardCertificateAttributes: { commonName: 'Acme' } }
const size: number = (await client.issue('acme', { csr, profile: 'qualified-seal' })).bytes.length
// @ts-expect-error there is no such profile
await client.issue('acme', { csr, profile: 'qualified' })
// @ts-expect-error the label is a parameter
await client.issue('acme', { csr, key: { label: 'mine' } })
export const left = (error: BundleProblem): string => error.code === 'tsb-error' ? error.transaction?.rollback ?? '' : String(size)
// @ts-expect-error there is no such code
export const wrong = (error: BundleProblem): boolean => error.code === 'tsb-eror'
`
const TSCONFIG = {
  compilerOptions: { module: 'nodenext', target: 'es2024', lib: ['es2024', 'dom'], types: [], strict: true, noEmit: true, allowImportingTsExtensions: true },
  files: ['caller.ts'],
}

describe('a project that has the package linked, as npm install does', () => {
  const project = realpathSync(mkdtempSync(join(tmpdir(), 'client-page-')))
  mkdirSync(join(project, 'node_modules'))
  symlinkSync(root, join(project, 'node_modules/attestation-bundler'))
  after(() => { rmSync(project, { recursive: true }) })
  const run = (...args: string[]): Promise<{ stdout: string }> => promisify(execFile)(process.execPath, args, { cwd: project })

  test('runs the example, which makes a bundle', async () => {
    const service = await startService()
    copyFileSync(join(root, 'examples/issue-bundle.ts'), join(project, 'issue-bundle.ts'))
    const { stdout } = await run('issue-bundle.ts', service.url, 'example').finally(() => service.stop())
    const [, fileName, sha256] = /^(\S+): \d+ bytes, SHA-256 (\w+)\n$/.exec(stdout) ?? []
    assert.equal(createHash('sha256').update(readFileSync(join(project, fileName!))).digest('hex'), sha256)
    assert.deepEqual(service.simulator.labels().map((label) => `${label}-attestation-bundle.zip`), [fileName])
  })

  test('compiles against the types of the contract, without Node\'s types and without a package of the service', async () => {
    writeFileSync(join(project, 'package.json'), '{ "type": "module" }')
    writeFileSync(join(project, 'caller.ts'), CALLER)
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(TSCONFIG))
    const { stdout } = await run(join(root, 'node_modules/typescript/bin/tsc'), '--listFiles')
    const own = stdout.split('\n').filter((path) => path !== '' && !path.includes('/node_modules/'))
    assert.deepEqual(own.filter((path) => !path.startsWith(join(root, 'src/client/')) && !path.startsWith(project)), [])
    assert.ok(own.length > 5)
  })
})
