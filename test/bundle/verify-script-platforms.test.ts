import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { createPki } from '../../src/simulator/pki.ts'
import { pem as pemOf } from '../../src/simulator/der.ts'
import { pki, type Change } from '../evidence/good-case.ts'
import { filesOf, newFolder, put, runScript, SCRIPT, unpack, type RunOptions } from './unpacked.ts'

const pssPki = await createPki({ attestationKey: 'rsa-pss', bits: { root: 2048, device: 2048, leaf: 2048 } })
const which = (command: string): string | undefined => spawnSync('sh', ['-c', 'command -v "$1"', 'sh', command], { encoding: 'utf8' }).stdout.trim() || undefined
const folderOf = async (change: Change = {}): Promise<string> => unpack(await filesOf(change))

const good = await folderOf()
const pss = await folderOf({ pki: pssPki })
const copyable = await folderOf({ xml: { attributes: { copyable: true } } })
const trimmed = await folderOf({ xmlText: (text) => text.replace(/\s*<extractable>.*/, '') })
const unsigned = await folderOf({
  csrText: (text) => {
    const der = Buffer.from(text.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64')
    der[der.length - 5]! ^= 1
    return pemOf('CERTIFICATE REQUEST', der)
  },
})
const root = put('root.pem', pki.root.pem)
const pssRoot = put('root.pem', pssPki.root.pem)

/** Where tools, awk first of all, differ from one Unix to the next: the same few bundles everywhere. */
function assertJudges(options: RunOptions): void {
  const failsOf = (rootFile: string, folder: string): [number | null, string[]] => {
    const { code, fail, lines } = runScript([rootFile, folder], options)
    assert.notEqual(code, 2, lines.join('\n'))
    return [code, fail.map((line) => line.split(':')[0]!)]
  }
  assert.deepEqual(failsOf(root, good), [0, []])
  assert.deepEqual(failsOf(pssRoot, pss), [0, []])
  assert.deepEqual(failsOf(root, copyable), [1, ['not copyable']])
  assert.deepEqual(failsOf(root, trimmed), [1, ['attestation']])
  assert.deepEqual(failsOf(root, unsigned), [1, ['proof of possession']])
}

/** A folder of links, to put in front of PATH. */
function pathWith(links: Readonly<Record<string, string>>): string {
  const folder = newFolder('bin-')
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(folder, name))
  return folder
}

const inFront = (folder: string): Record<string, string> => ({ PATH: `${folder}${delimiter}${process.env['PATH']}` })

const seen = new Set<string>()
/** Whether a command is there, and no other name of it was seen. */
function isNew(command: string): boolean {
  const path = which(command)
  const program = path && realpathSync(path)
  if (program === undefined || seen.has(program)) return false
  return Boolean(seen.add(program))
}

// Debian has all of them; sh is there on any machine, and the others run where they are. Other tests run the machine's sh and awk.
for (const tool of ['sh', 'awk']) isNew(tool)
for (const shell of [['dash'], ['bash', '--posix'], ['mksh'], ['yash'], ['posh'], ['busybox', 'ash']]) {
  if (shell[0] !== 'busybox' && !isNew(shell[0]!)) continue
  if (!which(shell[0]!)) continue
  test(`judges alike in ${shell.join(' ')}`, () => assertJudges({ shell }))
}

for (const awk of ['mawk', 'gawk', 'original-awk', 'bwk']) {
  const path = which(awk)
  if (path && isNew(awk)) test(`judges alike with ${awk}`, () => assertJudges({ env: inFront(pathWith({ awk: path })) }))
}

const busybox = which('busybox')
if (busybox) {
  test('judges alike where busybox is all there is', () => {
    const tools = ['awk', 'cat', 'cmp', 'grep', 'mkdir', 'mktemp', 'rm', 'sed', 'tr', 'wc']
    const folder = pathWith({ ...Object.fromEntries(tools.map((tool) => [tool, busybox])), openssl: which('openssl')! })
    assertJudges({ shell: [busybox, 'ash'], env: { PATH: folder } })
  })
}

test('is a script that sh can read', () => {
  assert.equal(spawnSync('sh', ['-n', SCRIPT]).status, 0)
  const shellcheck = which('shellcheck')
  if (shellcheck) assert.equal(spawnSync(shellcheck, ['-s', 'sh', SCRIPT], { encoding: 'utf8' }).stdout, '')
})

/**
 * Commands and options that OpenSSL 1.1.1 documents (doc/man1/*.pod of that release); OpenSSL 3 has each of them still, which the other tests
 * show by running. Digests, -sigopt and -nameopt included.
 */
const IN_1_1_1: Readonly<Record<string, readonly string[]>> = {
  version: [],
  x509: ['-in', '-noout', '-text', '-certopt', '-subject', '-issuer', '-nameopt', '-fingerprint', '-sha256', '-pubkey'],
  verify: ['-auth_level', '-CApath', '-CAfile', '-untrusted'],
  pkey: ['-pubin', '-in', '-pubout', '-out', '-outform'],
  dgst: ['-sha256', '-sigopt', '-verify', '-signature'],
  req: ['-in', '-noout', '-verify', '-pubkey'],
  base64: ['-A'],
}

/** An openssl that calls itself `version`, writes down what it is asked, and speaks of a CSR's signature as that version does. */
function disguised(version: string, csr: { readonly good: string; readonly bad: string; readonly badCode: number }): { readonly folder: string; readonly log: string } {
  const folder = newFolder('bin-')
  const log = join(folder, 'log')
  writeFileSync(join(folder, 'openssl'), `#!/bin/sh
printf '%s\\n' "$*" >>'${log}'
case "$*" in
  version) echo '${version}' ;;
  req*-verify*)
    if '${which('openssl')}' "$@" 2>&1 | grep -q 'verify OK'; then echo '${csr.good}' >&2; else echo '${csr.bad}' >&2; exit ${csr.badCode}; fi ;;
  *) exec '${which('openssl')}' "$@" ;;
esac
`)
  chmodSync(join(folder, 'openssl'), 0o755)
  return { folder, log }
}

const OLD_WORDS = { good: 'verify OK', bad: 'verify failure', badCode: 0 }
const NEW_WORDS = { good: 'Certificate request self-signature verify OK', bad: 'Certificate request self-signature verify failure', badCode: 0 }

for (const [version, words] of [
  ['OpenSSL 1.1.1w  11 Sep 2023', OLD_WORDS], ['OpenSSL 3.0.19 27 Jan 2026', NEW_WORDS], ['OpenSSL 3.5.4 30 Sep 2025', { ...NEW_WORDS, badCode: 1 }], ['LibreSSL 3.3.6', OLD_WORDS],
] as const) {
  test(`understands what ${version.slice(0, 14).trim()} says, and asks it nothing that 1.1.1 does not know`, () => {
    const { folder, log } = disguised(version, words)
    assertJudges({ env: inFront(folder) })
    const asked = readFileSync(log, 'utf8').trim().split('\n')
    for (const line of asked) {
      const [command, ...args] = line.split(' ')
      assert.deepEqual(args.filter((arg) => arg.startsWith('-') && !IN_1_1_1[command!]?.includes(arg)), [], line)
      assert.ok(command! in IN_1_1_1, line)
    }
    assert.equal(asked.some((line) => line.includes('-auth_level 2')), !version.startsWith('LibreSSL'))
  })
}

test('takes words that it does not know for a refusal', () => {
  const { folder } = disguised('OpenSSL 4.0.0', { good: 'the request looks fine', bad: 'no', badCode: 0 })
  const { fail, code } = runScript([root, good], { env: inFront(folder) })
  assert.deepEqual([fail.length, code], [1, 1])
})

/** An openssl whose one command says and answers this. */
function answering(command: string, words: string, code: number): string {
  const folder = newFolder('bin-')
  writeFileSync(join(folder, 'openssl'), `#!/bin/sh
case "$*" in
  ${command}) for last; do :; done; ${words}; exit ${code} ;;
  *) exec '${which('openssl')}' "$@" ;;
esac
`)
  chmodSync(join(folder, 'openssl'), 0o755)
  return folder
}

for (const [what, step, folder] of [
  ['an OK of verify that comes with a code', 'chain', answering('verify*', 'echo "$last: OK"', 2)],
  ['an OK of verify that comes with an error', 'chain', answering('verify*', 'echo "error 10 at 0 depth lookup:certificate has expired" >&2; echo "$last: OK"', 0)],
  ['a verify that says nothing', 'chain', answering('verify*', ':', 0)],
  ['a CSR that is good and bad', 'proof of possession', answering('req*-verify*', 'echo "verify failure"; echo "verify OK"', 0)],
  ['a CSR that is good, with a code', 'proof of possession', answering('req*-verify*', 'echo "verify OK"', 1)],
] as const) {
  test(`takes for a refusal ${what}`, () => {
    const { fail, code } = runScript([root, good], { env: inFront(folder) })
    assert.deepEqual([fail.map((line) => line.split(':')[0]), code], [[step], 1])
  })
}

for (const version of ['OpenSSL 1.0.2u  20 Dec 2019', 'OpenSSL 0.9.8zh 14 Jan 2016', 'OpenSSL 1.1.0l  10 Sep 2019']) {
  test(`does not judge with ${version.slice(0, 14).trim()}, whose verify says OK too easily`, () => {
    const { verdict, code } = runScript([root, good], { env: inFront(disguised(version, OLD_WORDS).folder) })
    assert.match(verdict, /^UNUSABLE {2}this needs openssl 1\.1\.1 or 3/)
    assert.equal(code, 2)
  })
}

test('does not judge without openssl', () => {
  const tools = ['awk', 'cat', 'cmp', 'grep', 'mkdir', 'mktemp', 'rm', 'sed', 'tr', 'wc', 'printf']
  const folder = pathWith(Object.fromEntries(tools.flatMap((tool) => which(tool)?.startsWith('/') ? [[tool, which(tool)!]] : [])))
  const { verdict, code } = runScript([root, good], { shell: [which('sh')!], env: { PATH: folder } })
  assert.deepEqual([verdict, code], ['UNUSABLE  this needs the command openssl', 2])
})
