import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')

let folder: string
let output: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'demo-'))
  output = (await run(process.execPath, [join(root, 'src/commands/demo.ts')], { cwd: folder })).stdout
})
after(() => rm(folder, { recursive: true, force: true }))

/** The shell commands of the README section of that title, one string per fenced block. */
async function commandsUnder(title: string): Promise<string[]> {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const section = readme.split(/^## /m).find((part) => part.startsWith(`${title}\n`))
  assert.ok(section, `README has a section ${title}`)
  return [...section.matchAll(/```sh\n([^]*?)```/g)].map((block) => block[1]!)
}

test('the demo ends with two lines that name the bundle and the root', () => {
  const [bundle, anchor] = output.trimEnd().split('\n').slice(-2)
  assert.equal(bundle, `bundle: ${join(folder, 'seal-2026-01-attestation-bundle.zip')}`)
  assert.equal(anchor, `root: ${join(folder, 'simulator-root.pem')}`)
})

test('the demo shows every check, and none that failed or was skipped', () => {
  assert.match(output, /✓ chain\.anchored/)
  assert.match(output, /✓ csr\.same-key/)
  assert.doesNotMatch(output, /^ {2}[✗–?]/m)
  assert.match(output, /verdict: passed/)
})

test("the README's openssl commands, the vendor's and the two missing ones, all succeed on the demo's bundle", async () => {
  const [vendor, missing, script = ''] = await commandsUnder('Check a bundle')
  const commands = [vendor, missing, script.replace('../src/', `${root}/src/`)]
  const { stdout, stderr } = await run('bash', ['-e', '-o', 'pipefail', '-c', commands.join('\n')], { cwd: folder })
  assert.match(stdout, /^PrimusHSM_Attestation\.crt: OK$/m)
  // Once by dgst, once by cmp.
  assert.equal(stdout.match(/^Verified OK$/gm)?.length, 2)
  assert.match(stdout, /^the same key$/m)
  assert.match(stdout + stderr, /self-signature verify OK|^verify OK/m)
  assert.match(stdout, /^PASSED/m)
})

test("npm run verify passes the demo's bundle under its root, and refuses it under the built-in one", async () => {
  const bundle = join(folder, 'seal-2026-01-attestation-bundle.zip')
  const verify = (...args: string[]): Promise<{ stdout: string }> => run('npm', ['run', '-s', 'verify', '--', bundle, ...args], { cwd: root })
  assert.match((await verify('--trust-anchors', join(folder, 'simulator-root.pem'))).stdout, /PASSED/)
  await assert.rejects(verify('--json'), (error: { code: number; stdout: string }) => {
    const report = JSON.parse(error.stdout) as { verdict: string; checks: { id: string; outcome: string }[] }
    assert.equal(error.code, 1)
    assert.deepEqual(report.checks.filter((check) => check.outcome === 'failed').map((check) => check.id), ['chain.anchored'])
    return report.verdict === 'failed'
  })
})

test('no byte of the bundle spells the password', async () => {
  // The zip is not compressed, so its bytes are the files'.
  const zip = await readFile(join(folder, 'seal-2026-01-attestation-bundle.zip'), 'latin1')
  assert.doesNotMatch(zip, /REPLACE|R\W{1,6}E\W{1,6}P\W{1,6}L\W{1,6}A\W{1,6}C\W{1,6}E/)
})
