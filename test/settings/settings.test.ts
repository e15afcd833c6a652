import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ConfigError, readSettings, readTsbOnlySettings, type Settings } from '../../src/config.ts'
import { Environment, SECRETS, VARIABLES } from '../../src/settings/environment.ts'
import { sharedPki } from '../support/service.ts'

type Env = Readonly<Record<string, string | undefined>>

const least = { AUTH_MODE: 'none', TSB_URL: 'https://tsb.example' }
const KEY = randomBytes(32).toString('base64')

let folder = ''
before(() => { folder = mkdtempSync(join(tmpdir(), 'settings-')) })
after(() => { rmSync(folder, { recursive: true, force: true }) })

function file(name: string, content: string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const settingsOf = (env: Env): Omit<Settings, 'tsbFiles'> => {
  const { tsbFiles: _files, ...settings } = readSettings({ ...least, ...env })
  return settings
}

/** The faults of the good case with these variables instead. */
function faultsOf(env: Env): readonly string[] {
  try {
    settingsOf(env)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    assert.equal(error.message, error.faults.join('\n'))
    return error.faults
  }
  return []
}

/** Asserts that these variables, and no others, are named, one line each. */
function assertFaults(env: Env, ...variables: readonly string[]): void {
  const faults = faultsOf(env)
  assert.deepEqual(faults.map((fault) => /^([A-Z0-9_]+): \S[^\n]*$/.exec(fault)?.[1]), variables, faults.join('\n'))
}

describe('what is left out', () => {
  test('has the documented defaults', () => {
    const { warnings: _said, evidence: { trustAnchors, ...evidence }, ...settings } = settingsOf({})
    assert.deepEqual({ ...settings, evidence }, {
      http: { host: '127.0.0.1', port: 3000 },
      logLevel: 'info',
      auth: { mode: 'none' },
      tsb: {
        url: 'https://tsb.example', id: 'https://tsb.example', apiKeys: { management: [], operation: [], service: [] },
          certificateRole: 'auto', tls: {},
        connectTimeoutMs: 5_000, createKeyTimeoutMs: 60_000, timeoutMs: 30_000,
      },
      journal: { url: 'file:./data/journal.sqlite', encryptionKeys: [], leaseMs: 15_000, retentionDays: 30 },
      transaction: { timeoutMs: 120_000, settleAfterMs: 120_000, giveUpAfterMs: 86_400_000, maxTransactions: 16, maxQueued: 256 },
      shutdown: { delayMs: 0, graceMs: 145_000 },
      evidence: { clockSkewSeconds: 300, defaultProfile: 'tsb-default' },
    })
    assert.deepEqual(trustAnchors.map(({ builtIn }) => builtIn), [true])
  })
  test('counts as left out when empty', () => {
    const empty = Object.fromEntries(VARIABLES.filter((name) => !(name in least)).map((name) => [name, '']))
    assert.deepEqual(settingsOf(empty), settingsOf({}))
  })
  test('settling takes twice the create time-out, unless said otherwise', () => {
    assert.equal(settingsOf({ TSB_CREATE_KEY_TIMEOUT_MS: '7000' }).transaction.settleAfterMs, 14_000)
    assert.equal(settingsOf({ TSB_CREATE_KEY_TIMEOUT_MS: '7000', SETTLE_AFTER_MS: '5' }).transaction.settleAfterMs, 5)
  })
  test('two variables have no default, and both are named', () => assertFaults({ AUTH_MODE: undefined, TSB_URL: undefined }, 'AUTH_MODE', 'TSB_URL'))
  for (const name of ['AUTH_MODE', 'TSB_URL']) {
    test(`${name} must be set`, () => {
      assertFaults({ [name]: undefined }, name)
      assertFaults({ [name]: '' }, name)
    })
  }
})

describe('numbers', () => {
  const numbers = Object.entries(Environment.properties).filter(([, schema]) => 'type' in schema && schema.type === 'integer').map(([name]) => name)
  test('there are numbers to test', () => assert.ok(numbers.length > 10))
  for (const name of numbers) {
    test(`${name} takes numbers in its range only`, () => {
      assert.deepEqual(faultsOf({ [name]: '7' }), [])
      for (const value of ['seven', '-1', '7 s', '99999999999999', 'NaN', 'Infinity']) assertFaults({ [name]: value }, name)
    })
  }
  for (const value of ['7.5', '0.5', 'true', 'false']) {
    test(`${value} is no whole number and is not made one`, () => {
      for (const name of numbers) assert.deepEqual(faultsOf({ [name]: value }).map((fault) => fault.split(':')[0]), [name], `${name}=${value}`)
    })
  }
})

describe('choices', () => {
  for (const name of ['LOG_LEVEL', 'AUTH_MODE', 'TSB_CERTIFICATE_ROLE', 'DEFAULT_PROFILE']) {
    test(`${name} is one of a list, which the fault names`, () => {
      assertFaults({ [name]: 'planted' }, name)
      assert.match(faultsOf({ [name]: 'planted' })[0] ?? '', /must be one of /)
    })
  }
})

describe('TSB_URL', () => {
  const good: readonly [string, string, string][] = [
    ['https://tsb.example', 'https://tsb.example', 'https://tsb.example'], ['https://tsb.example/', 'https://tsb.example', 'https://tsb.example'],
    ['https://tsb.example:8443/tsb//', 'https://tsb.example:8443/tsb', 'https://tsb.example:8443'],
      ['HTTPS://TSB.example', 'https://tsb.example', 'https://tsb.example'],
  ]
  for (const [value, url, id] of good) {
    test(`${value} is used as ${url}`, () => {
      const { tsb } = settingsOf({ TSB_URL: value })
      assert.deepEqual([tsb.url, tsb.id], [url, id])
    })
  }
  test('TSB_ID names it otherwise', () => assert.equal(settingsOf({ TSB_ID: 'partition-7' }).tsb.id, 'partition-7'))
  for (const value of ['tsb.example', 'ftp://tsb.example', 'https://', 'https://user@tsb.example', 'https://user:planted@tsb.example',
    'https://tsb.example/?x=1', 'https://tsb.example/#x', 'file:///tsb']) {
    test(`${value} is refused`, () => {
      assertFaults({ TSB_URL: value }, 'TSB_URL')
      assert.equal(faultsOf({ TSB_URL: value }).some((fault) => fault.includes('planted')), false)
    })
  }
  const plain: readonly [string, boolean][] = [
    ['http://10.0.0.1:8080', true], ['http://tsb.example', true], ['http://localhost.example', true], ['http://127.0.0.1.example', true],
    ['http://127.0.0.1:8080', false], ['http://127.1.2.3', false], ['http://localhost:8080', false], ['http://[::1]:8080', false],
      ['https://tsb.example', false],
  ]
  for (const [value, warns] of plain) {
    test(`${value} ${warns ? 'is warned of' : 'needs no warning'}`, () => {
      assert.equal(settingsOf({ TSB_URL: value }).warnings.some((warning) => warning.startsWith('TSB_URL')), warns)
    })
  }
})

describe('warnings', () => {
  const warnsOf = (name: string, env: Env): boolean => settingsOf(env).warnings.some((warning) => warning.startsWith(name))
  test('a PostgreSQL on another machine whose certificate is not verified in full is warned of', () => {
    for (const url of ['postgres://db.example/j', 'postgres://u:p@10.0.0.1:5432/j?sslmode=require', 'postgresql://db.example/j?sslmode=disable', 'postgres:///j?host=db.example']) {
      assert.equal(warnsOf('JOURNAL_URL', { JOURNAL_URL: url }), true, url)
    }
    for (const url of ['postgres://db.example/j?sslmode=verify-full', 'postgres://127.0.0.1/j', 'postgres://[::1]/j', 'postgres://localhost/j', 'postgres:///j?host=/run/postgresql', 'file:x']) {
      assert.equal(warnsOf('JOURNAL_URL', { JOURNAL_URL: url }), false, url)
    }
  })
  test('AUTH_MODE=none is warned of', () => assert.equal(warnsOf('AUTH_MODE', {}), true))
  test('a missing JOURNAL_ENCRYPTION_KEY is warned of, a given one is not', () => {
    assert.deepEqual([warnsOf('JOURNAL_ENCRYPTION_KEY', {}), warnsOf('JOURNAL_ENCRYPTION_KEY', { JOURNAL_ENCRYPTION_KEY: KEY })], [true, false])
  })
})

describe('credentials for the TSB', () => {
  test('lists are split at commas, blanks around the entries do not count', () => {
    const { tsb } = settingsOf({ TSB_KEY_MANAGEMENT_API_KEYS: 'one, two ,,three', TSB_KEY_OPERATION_API_KEYS: 'four',
      TSB_SERVICE_API_KEYS: 'five,six', TSB_BEARER_TOKEN: 'token' })
    assert.deepEqual(tsb.apiKeys, { management: ['one', 'two', 'three'], operation: ['four'], service: ['five', 'six'] })
    assert.equal(tsb.bearerToken, 'token')
  })
  for (const name of ['TSB_KEY_MANAGEMENT_API_KEYS', 'TSB_KEY_OPERATION_API_KEYS', 'TSB_SERVICE_API_KEYS', 'TSB_BEARER_TOKEN']) {
    test(`${name} must fit into a header`, () => {
      for (const value of ['planted\nkey', 'pl\u00e4nted', 'planted key']) assertFaults({ [name]: value }, name)
    })
  }
  test('a bearer token is no list: it is used whole or refused, never cut', () => {
    const env = { TSB_BEARER_TOKEN: 'first,second' }
    const faults = faultsOf(env)
    if (faults.length > 0) assertFaults(env, 'TSB_BEARER_TOKEN')
    else assert.equal(settingsOf(env).tsb.bearerToken, 'first,second')
  })
})

test("Node's switch for certificates stops the start, and that of the commands that only talk to the TSB", () => {
  const off = { NODE_TLS_REJECT_UNAUTHORIZED: '0' }
  assertFaults(off, 'NODE_TLS_REJECT_UNAUTHORIZED')
  assert.throws(() => readTsbOnlySettings({ ...least, ...off }), /^ConfigError: NODE_TLS_REJECT_UNAUTHORIZED: /)
  // Node knows that one value and no other.
  assert.deepEqual(faultsOf({ NODE_TLS_REJECT_UNAUTHORIZED: '1' }), [])
})

describe('the _FILE forms', () => {
  for (const name of SECRETS) {
    const value = { JOURNAL_ENCRYPTION_KEY: KEY, JOURNAL_URL: 'postgres://bundler:planted-secret@database/journal' }[name as string] ?? 'planted-secret'
    test(`${name}_FILE is read, without the line feed at its end`, () => {
      const direct = settingsOf({ [name]: value })
      for (const end of ['', '\n', '\r\n']) assert.deepEqual(settingsOf({ [`${name}_FILE`]: file('secret', value + end) }), direct)
    })
    test(`${name} and ${name}_FILE at once are refused`, () => assertFaults({ [name]: value, [`${name}_FILE`]: file('secret', value) }, name))
    test(`${name}_FILE must exist and hold something`, () => {
      assertFaults({ [`${name}_FILE`]: join(folder, 'planted-nowhere') }, `${name}_FILE`)
      assertFaults({ [`${name}_FILE`]: folder }, `${name}_FILE`)
      assertFaults({ [`${name}_FILE`]: file('empty', '') }, `${name}_FILE`)
      assertFaults({ [`${name}_FILE`]: file('empty', '\n') }, `${name}_FILE`)
    })
  }
})

describe('TRUST_ANCHORS_FILE', () => {
  const pem = async (): Promise<string> => (await sharedPki()).root.pem
  test('replaces the built-in root', async () => {
    const { trustAnchors } = settingsOf({ TRUST_ANCHORS_FILE: file('root.pem', await pem()) }).evidence
    assert.equal(trustAnchors.length, 1)
    assert.deepEqual([Buffer.from(trustAnchors[0]!.der), trustAnchors[0]!.builtIn], [Buffer.from((await sharedPki()).root.der), false])
  })
  test('may hold remarks and several roots; the same one counts once', async () => {
    const { root, device } = await sharedPki()
    const content = `Root of a test\n${root.pem}\n# again\r\n${root.pem}${device.pem}`
    assert.equal(settingsOf({ TRUST_ANCHORS_FILE: file('roots.pem', content) }).evidence.trustAnchors.length, 2)
  })
  const unusable: readonly [string, () => Promise<string>][] = [
    ['nothing', async () => ''], ['blanks', async () => ' \n\n'], ['no PEM', async () => 'planted text'],
      ['a leaf', async () => (await sharedPki()).leaf.pem],
    ['a private key', async () => String((await sharedPki()).root.privateKey.export({ type: 'pkcs8', format: 'pem' }))],
    ['half a certificate', async () => (await pem()).slice(0, 200)], ['a root and a leaf', async () => (await pem()) + (await sharedPki()).leaf.pem],
  ]
  for (const [name, content] of unusable) {
    test(`with ${name} stops the start`, async () => {
      const env = { TRUST_ANCHORS_FILE: file('anchors.pem', await content()) }
      assertFaults(env, 'TRUST_ANCHORS_FILE')
      assert.equal(faultsOf(env)[0]?.includes('planted'), false)
    })
  }
  test('that does not exist stops the start', () => assertFaults({ TRUST_ANCHORS_FILE: join(folder, 'nowhere.pem') }, 'TRUST_ANCHORS_FILE'))
})

describe('certificates and keys', () => {
  const otherKey = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey
  let ownKey: KeyObject
  before(async () => { ownKey = (await sharedPki()).root.privateKey })
  const keyPem = (passphrase?: string, key = ownKey): string =>
    String(key.export({ type: 'pkcs8', format: 'pem', ...(passphrase !== undefined && { cipher: 'aes-256-cbc', passphrase }) }))
  for (const [cert, key] of [['TLS_CERT_FILE', 'TLS_KEY_FILE'], ['TSB_CLIENT_CERT_FILE', 'TSB_CLIENT_KEY_FILE']] as const) {
    test(`${cert} and ${key} go together`, async () => {
      const certFile = file('cert.pem', (await sharedPki()).root.pem)
      const keyFile = file('key.pem', keyPem())
      assertFaults({ [cert]: certFile }, key)
      assertFaults({ [key]: keyFile }, cert)
      assertFaults({ [cert]: keyFile, [key]: keyFile }, cert)
      assertFaults({ [cert]: certFile, [key]: certFile }, key)
      assertFaults({ [cert]: certFile, [key]: file('locked.pem', keyPem('planted')) }, key)
      assertFaults({ [cert]: join(folder, 'nowhere'), [key]: join(folder, 'nowhere') }, cert, key)
      assertFaults({ [cert]: certFile, [key]: file('other.pem', keyPem(undefined, otherKey)) }, key)
      assert.deepEqual(faultsOf({ [cert]: certFile, [key]: keyFile }), [])
    })
  }
  test('they reach the settings', async () => {
    const cert = (await sharedPki()).root.pem
    const env = { TLS_CERT_FILE: file('c.pem', cert), TLS_KEY_FILE: file('k.pem', keyPem()), TSB_CLIENT_CERT_FILE: file('c.pem', cert),
      TSB_CLIENT_KEY_FILE: file('k.pem', keyPem()), TSB_CA_FILE: file('c.pem', cert) }
    const { http, tsb } = settingsOf(env)
    const paths = { cert: env.TLS_CERT_FILE, key: env.TLS_KEY_FILE }
    assert.deepEqual([http.tls, tsb.tls], [{ cert, key: keyPem(), paths }, { ca: cert, cert, key: keyPem() }])
  })
  test('TSB_CA_FILE must exist and hold a certificate', () => {
    assertFaults({ TSB_CA_FILE: join(folder, 'nowhere') }, 'TSB_CA_FILE')
    assertFaults({ TSB_CA_FILE: file('no-ca.pem', keyPem()) }, 'TSB_CA_FILE')
  })
  for (const value of ['foo', '10.0.0.0/33', '10.0.0.1,', 'true']) test(`TRUST_PROXY may not be ${value}`, () => assertFaults({ TRUST_PROXY: value }, 'TRUST_PROXY'))
  for (const value of ['loopback', '10.0.0.1', '10.0.0.0/8, fd00::/8']) test(`TRUST_PROXY may be ${value}`, () => assert.deepEqual(faultsOf({ TRUST_PROXY: value }), []))
})

describe('the journal', () => {
  for (const url of ['file:./journal.sqlite', 'file:/data/journal.sqlite', 'postgres://db/bundles', 'postgresql://user:pw@db:5432/bundles']) {
    test(`${url} is a journal`, () => assert.equal(settingsOf({ JOURNAL_URL: url }).journal.url, url))
  }
  for (const url of ['file:', 'journal.sqlite', '/data/journal.sqlite', 'mysql://planted@db/bundles', 'postgres:planted', 'memory']) {
    test(`${url} is none`, () => {
      assertFaults({ JOURNAL_URL: url }, 'JOURNAL_URL')
      assert.equal(faultsOf({ JOURNAL_URL: url })[0]?.includes('planted'), false)
    })
  }
  test('encryption keys are a list; the first stays the first', () => {
    const keys = [randomBytes(32), randomBytes(32)]
    assert.deepEqual(settingsOf({ JOURNAL_ENCRYPTION_KEY: keys.map((key) => key.toString('base64')).join(' , ') }).journal.encryptionKeys, keys)
  })
  for (const [name, value] of [['31 bytes', randomBytes(31).toString('base64')], ['33 bytes', randomBytes(33).toString('base64')],
    ['hex', randomBytes(32).toString('hex')],
    ['no base64', 'planted secret'], ['a comma at the end', `${KEY},`], ['base64 without padding', KEY.replace('=', '')],
      ['one bad of two', `${KEY},planted`]] as const) {
    test(`an encryption key of ${name} is refused and not repeated`, () => {
      assertFaults({ JOURNAL_ENCRYPTION_KEY: value }, 'JOURNAL_ENCRYPTION_KEY')
      assert.equal(faultsOf({ JOURNAL_ENCRYPTION_KEY: value })[0]?.includes(value), false)
    })
  }
})

/** Everything wrong at once, a secret in each value. */
const wrong = (): Record<string, string> => ({
  AUTH_MODE: 'planted-1', TSB_URL: 'https://planted-2:planted-3@tsb.example', PORT: 'planted-4', LOG_LEVEL: 'planted-5',
    JOURNAL_URL: 'planted-6', JOURNAL_ENCRYPTION_KEY: 'planted-7',
  TRUST_ANCHORS_FILE: join(folder, 'planted-8'), TSB_BEARER_TOKEN: 'planted 9', TSB_TIMEOUT_MS: '-5', TLS_CERT_FILE: join(folder, 'planted-10'),
})

describe('all faults at once', () => {
  test('are named in one go, each once, and no value is repeated', () => {
    const faults = faultsOf(wrong())
    assert.deepEqual(faults.map((fault) => fault.split(':')[0]).sort(),
      Object.keys(wrong()).map((name) => name === 'TLS_CERT_FILE' ? 'TLS_KEY_FILE' : name).sort())
    assert.equal(faults.join('\n').includes('planted'), false)
  })

  const server = (env: Record<string, string>): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, [fileURLToPath(new URL('../../src/server.ts', import.meta.url))],
      { env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], ...env }, encoding: 'utf8', timeout: 20_000 })

  test('stop the process with exit code 78 and one line each on stderr', () => {
    const { status, stdout, stderr } = server(wrong())
    const lines = String(stderr).trimEnd().split('\n')
    assert.equal(status, 78)
    assert.deepEqual(lines, faultsOf(wrong()))
    assert.equal(stdout, '')
  })
  // What is found is what the process says: the test before.
  test('an empty environment names what must be set', () => {
    assert.throws(() => readSettings({}), (error) => {
      assert.ok(error instanceof ConfigError)
      assert.deepEqual(error.faults.map((fault) => fault.split(':')[0]), ['AUTH_MODE', 'TSB_URL'])
      return true
    })
  })
})
