import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ConfigError, readSettings, type Settings } from '../../src/config.ts'
import { sharedPki } from '../support/service.ts'
import { keyPem } from './certificates.ts'

type Env = Readonly<Record<string, string | undefined>>

const HASH = 'ab'.repeat(32)
const KEY_CLIENT = { id: 'billing', apiKeySha256: HASH, labels: ['billing-*'] }
const SUBJECT_CLIENT = { id: 'billing', subject: 'CN=billing', labels: ['billing-*'] }

let folder = ''
const good: Record<'api-key' | 'jwt' | 'mtls', Record<string, string>> = { 'api-key': {}, jwt: {}, mtls: {} }
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'auth-settings-'))
  const { root, leaf } = await sharedPki()
  const keyClients = file('keys.json', JSON.stringify([KEY_CLIENT]))
  const subjectClients = file('subjects.json', JSON.stringify([SUBJECT_CLIENT]))
  good['api-key'] = { AUTH_MODE: 'api-key', AUTH_CLIENTS_FILE: keyClients }
  good.jwt = {
    AUTH_MODE: 'jwt', AUTH_CLIENTS_FILE: subjectClients, AUTH_JWKS_URL: 'https://idp.example/jwks', AUTH_ISSUER: 'https://idp.example',
    AUTH_AUDIENCE: 'bundler',
  }
  good.mtls = {
    AUTH_MODE: 'mtls', AUTH_CLIENTS_FILE: subjectClients, TLS_CERT_FILE: file('leaf.pem', leaf.pem),
    TLS_KEY_FILE: file('leaf.key', keyPem(leaf)), TLS_CLIENT_CA_FILE: file('ca.pem', root.pem),
  }
})
after(() => { rmSync(folder, { recursive: true, force: true }) })

function file(name: string, content: string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const settingsOf = (env: Env): Settings => readSettings({ TSB_URL: 'https://tsb.example', ...env })

function faultsOf(env: Env): readonly string[] {
  try {
    settingsOf(env)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return error.faults
  }
  return []
}

const named = (faults: readonly string[]): (string | undefined)[] => faults.map((fault) => /^([A-Z0-9_]+): \S[^\n]*$/.exec(fault)?.[1])
const warningsOf = (env: Env): (string | undefined)[] => settingsOf(env).warnings.map((warning) => warning.split(/[ =]/, 1)[0])

describe('each mode', () => {
  for (const mode of ['api-key', 'jwt', 'mtls'] as const) {
    test(`${mode} starts with its settings, and is not warned of`, () => {
      assert.equal(settingsOf(good[mode]).auth.mode, mode)
      assert.deepEqual(warningsOf(good[mode]), ['JOURNAL_ENCRYPTION_KEY'])
    })
    test(`${mode} stops the start without any one of them, and names it`, () => {
      for (const name of Object.keys(good[mode]).filter((each) => each !== 'AUTH_MODE')) {
        assert.deepEqual(named(faultsOf({ ...good[mode], [name]: undefined })), [name], name)
      }
      const wanted = Object.keys(good[mode]).filter((each) => each !== 'AUTH_MODE')
      assert.deepEqual(named(faultsOf({ AUTH_MODE: mode })).sort(), wanted.sort())
    })
  }
  test('none says aloud that everyone may', () => assert.ok(warningsOf({ AUTH_MODE: 'none' }).includes('AUTH_MODE')))
  test('credentials in clear on an address that others reach are warned of', () => {
    for (const HOST of ['0.0.0.0', '::', '10.0.0.1']) assert.ok(warningsOf({ ...good['api-key'], HOST }).includes('AUTH_MODE'), HOST)
    for (const HOST of ['localhost', '127.0.0.1', '::1']) assert.ok(!warningsOf({ ...good['api-key'], HOST }).includes('AUTH_MODE'), HOST)
    const { TLS_CERT_FILE, TLS_KEY_FILE } = good.mtls
    assert.ok(!warningsOf({ ...good['api-key'], HOST: '0.0.0.0', TLS_CERT_FILE, TLS_KEY_FILE }).includes('AUTH_MODE'))
  })
  test('what the mode does not use is warned of; client CAs that would not be enforced stop the start', () => {
    assert.ok(warningsOf({ ...good['api-key'], AUTH_ISSUER: 'x' }).includes('AUTH_ISSUER'))
    assert.ok(warningsOf({ AUTH_MODE: 'none', AUTH_CLIENTS_FILE: 'x' }).includes('AUTH_CLIENTS_FILE'))
    for (const mode of ['none', 'api-key', 'jwt'] as const) {
      const env = mode === 'none' ? { AUTH_MODE: 'none' } : good[mode]
      assert.deepEqual(named(faultsOf({ ...env, TLS_CLIENT_CA_FILE: good.mtls['TLS_CLIENT_CA_FILE'] })), ['TLS_CLIENT_CA_FILE'], mode)
    }
  })
})

test('AUTH_JWKS_URL is https, or on this machine', () => {
  const safe = ['https://idp.example/jwks?x=1', 'http://127.0.0.1:8080/jwks', 'http://localhost/jwks', 'http://[::1]/jwks']
  const unsafe = [
    'http://idp.example/jwks', 'http://127.0.0.1.example/jwks', 'idp.example', 'file:///jwks.json', 'https://user:planted@idp.example/jwks',
  ]
  for (const AUTH_JWKS_URL of safe) {
    assert.deepEqual(faultsOf({ ...good.jwt, AUTH_JWKS_URL }), [], AUTH_JWKS_URL)
  }
  for (const AUTH_JWKS_URL of unsafe) {
    assert.deepEqual(named(faultsOf({ ...good.jwt, AUTH_JWKS_URL })), ['AUTH_JWKS_URL'], AUTH_JWKS_URL)
    assert.ok(!faultsOf({ ...good.jwt, AUTH_JWKS_URL }).join().includes('planted'))
  }
})

test('TLS_CLIENT_CA_FILE holds CAs, and all of them are', async () => {
  const { root, device, leaf } = await sharedPki()
  assert.deepEqual(faultsOf({ ...good.mtls, TLS_CLIENT_CA_FILE: file('two.pem', `CAs\n${root.pem}\n${device.pem}`) }), [])
  for (const content of ['', 'planted', leaf.pem, root.pem + leaf.pem, root.pem.slice(0, 200), keyPem(leaf), root.pem + keyPem(leaf)]) {
    assert.deepEqual(named(faultsOf({ ...good.mtls, TLS_CLIENT_CA_FILE: file('bad.pem', content) })), ['TLS_CLIENT_CA_FILE'], content)
  }
})

describe('a clients file', () => {
  const client = (changes: object): object => ({ ...KEY_CLIENT, ...changes })
  const other = { id: 'shop', apiKeySha256: 'cd'.repeat(32), labels: ['shop-1'] }
  const refused: readonly (readonly [string, unknown, readonly string[]])[] = [
    ['that is no array', {}, ['the']], ['with no client', [], ['the']], ['with a client that is no object', ['planted'], ['/0']],
    ['with an empty client', [{}], ['/0/id', '/0/apiKeySha256', '/0/labels']],
    ['with a member that nobody knows', [client({ label: 'planted' })], ['/0/label']],
    ['with a member of no sane name', [client({ 'planted\n=': 1 })], ['/0/?']],
    ['with a subject beside the hash', [client({ subject: 'planted' })], ['/0/subject']],
    ['with a bad id', [client({ id: 'planted id' })], ['/0/id']], ['with an id that is no text', [client({ id: 7 })], ['/0/id']],
    ['with half a hash', [client({ apiKeySha256: HASH.slice(1) })], ['/0/apiKeySha256']],
    ['with the key in place of its hash', [client({ apiKeySha256: 'planted-key' })], ['/0/apiKeySha256']],
    ['with three hashes', [client({ apiKeySha256: [HASH, 'cd'.repeat(32), 'ef'.repeat(32)] })], ['/0/apiKeySha256']],
    ['with no hash', [client({ apiKeySha256: [] })], ['/0/apiKeySha256']],
    ['with no label', [client({ labels: [] })], ['/0/labels']],
    ['with a label that is no pattern', [other, client({ labels: ['a', 'planted?'] })], ['/1/labels']],
    ['with one id twice', [client({}), { ...other, id: 'billing' }], ['/1/id']],
    ['with one hash twice, in another case', [client({}), { ...other, apiKeySha256: HASH.toUpperCase() }], ['/1/apiKeySha256']],
    ['with one hash twice at one client', [client({ apiKeySha256: [HASH, HASH] })], ['/0/apiKeySha256']],
  ]
  for (const [name, content, pointers] of refused) {
    test(`${name} stops the start with a pointer and without the value`, () => {
      const faults = faultsOf({ ...good['api-key'], AUTH_CLIENTS_FILE: file('clients.json', JSON.stringify(content)) })
      assert.deepEqual(named(faults), pointers.map(() => 'AUTH_CLIENTS_FILE'), faults.join('\n'))
      assert.deepEqual(faults.map((fault) => fault.split(' ')[1]!.replace(/:$/, '')), pointers)
      assert.ok(!faults.join().includes('planted'))
    })
  }
  for (const [name, content] of [['nothing', ''], ['blanks', ' \n'], ['no JSON', '[planted']] as const) {
    test(`with ${name} stops the start`, () => {
      const faults = faultsOf({ ...good['api-key'], AUTH_CLIENTS_FILE: file('clients.json', content) })
      assert.deepEqual([named(faults), faults.join().includes('planted')], [['AUTH_CLIENTS_FILE'], false])
    })
  }
  test('that cannot be read stops the start', () => {
    for (const AUTH_CLIENTS_FILE of [join(folder, 'planted-nowhere'), folder]) {
      assert.deepEqual(named(faultsOf({ ...good['api-key'], AUTH_CLIENTS_FILE })), ['AUTH_CLIENTS_FILE'])
    }
  })
  test('has subjects with jwt and mtls, each once', () => {
    for (const mode of ['jwt', 'mtls'] as const) {
      const faults = (content: unknown): readonly string[] =>
        faultsOf({ ...good[mode], AUTH_CLIENTS_FILE: file('clients.json', JSON.stringify(content)) })
      const twins = [SUBJECT_CLIENT, { ...SUBJECT_CLIENT, id: 'shop' }]
      assert.deepEqual(faults(twins), ['AUTH_CLIENTS_FILE: /1/subject: is already at /0/subject'])
      const [missing = '', strange = ''] = faults([KEY_CLIENT])
      assert.equal(missing, 'AUTH_CLIENTS_FILE: /0/subject: is missing')
      assert.match(strange, /^AUTH_CLIENTS_FILE: \/0\/apiKeySha256: is not a member /)
      assert.equal(faults([{ ...SUBJECT_CLIENT, subject: '' }]).length, 1)
    }
  })
})
