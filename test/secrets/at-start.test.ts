import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { launchService, type Exit } from '../support/process.ts'
import { openGrep } from './planted.ts'
import { openStage, SECRETS, type Stage } from './settings.ts'

const { token, password, managementKey1, operationKey1, serviceKey1, journalKey1, journalPassword, clientKey } = SECRETS
let stage: Stage
before(async () => { stage = await openStage() })
after(() => stage.close())

/** Starts a service that cannot start. @returns how it ended, and which secrets it wrote */
async function refused(changes: Readonly<Record<string, string>>, without: readonly string[] = []): Promise<Exit & { finds: string[]; variables: string[] }> {
  const env = Object.fromEntries(Object.entries({ ...stage.env, ...changes }).filter(([name]) => !without.includes(name)))
  const service = launchService(env)
  const exit = await service.exited
  const grep = openGrep(SECRETS)
  grep.add('output', service.written())
  return { ...exit, finds: grep.finds(), variables: exit.stderr.trim().split('\n').map((line) => /^([A-Z_]+): ./.exec(line)?.[1] ?? line) }
}

describe('a start that fails names variables, and no value', { concurrency: 2 }, () => {
  test('values that cannot be used, each with a secret in it', async () => {
    const broken = join(stage.temporary, 'broken.key')
    writeFileSync(broken, `-----BEGIN PRIVATE KEY-----\n${clientKey}\n`)
    const { code, finds, variables } = await refused({
      AUTH_MODE: token, PORT: token, LOG_LEVEL: token, MAX_QUEUED: password, TSB_URL: `https://user:${password}@tsb.example/?key=${token}`, TRUST_PROXY: token,
      TSB_BEARER_TOKEN: `${token} ${token}`, TSB_KEY_MANAGEMENT_API_KEYS: `${managementKey1},two words`, TSB_KEY_OPERATION_API_KEYS: `${operationKey1}\n${operationKey1}`,
      TSB_SERVICE_API_KEYS: `${serviceKey1}\u00e9`, JOURNAL_ENCRYPTION_KEY: `${journalKey1}=,${journalKey1}`, JOURNAL_URL: `mysql://root:${journalPassword}@db.example/`,
      TSB_CLIENT_KEY_FILE: broken, TLS_CERT_FILE: broken, TLS_KEY_FILE: broken, TRUST_ANCHORS_FILE: broken, TSB_CA_FILE: token,
    }, ['TSB_BEARER_TOKEN_FILE'])
    assert.deepEqual([code, finds], [78, []])
    for (const name of ['AUTH_MODE', 'PORT', 'LOG_LEVEL', 'MAX_QUEUED', 'TRUST_PROXY', 'TSB_URL', 'TSB_BEARER_TOKEN', 'TSB_KEY_MANAGEMENT_API_KEYS',
      'TSB_KEY_OPERATION_API_KEYS', 'TSB_SERVICE_API_KEYS', 'JOURNAL_ENCRYPTION_KEY', 'JOURNAL_URL', 'TSB_CLIENT_KEY_FILE', 'TLS_CERT_FILE', 'TLS_KEY_FILE',
      'TRUST_ANCHORS_FILE', 'TSB_CA_FILE']) assert.ok(variables.includes(name), `${name} is named: ${variables.join(' ')}`)
    assert.deepEqual(variables.filter((line) => !/^[A-Z_]+$/.test(line)), [])
  })

  test('a secret both in a variable and in a file', async () => {
    const { code, finds, variables } = await refused({ TSB_BEARER_TOKEN: token })
    assert.deepEqual([code, finds, variables], [78, [], ['TSB_BEARER_TOKEN']])
  })

  for (const [name, url, expected] of [
    ['that refuses connections', `postgres://user:${journalPassword}@127.0.0.1:1/journal`, 75],
    ['whose password is no percent-encoding', `postgres://user:${journalPassword}%zz@127.0.0.1:1/journal`, 78],
    ['whose parameters name no file that is there', `postgres://user:${journalPassword}@127.0.0.1:1/journal?sslrootcert=/nowhere/${token}`, 75],
  ] as const) {
    test(`a PostgreSQL ${name}`, async () => {
      const { code, stderr, finds, variables } = await refused({ JOURNAL_URL: url })
      assert.deepEqual([code, finds], [expected, []])
      if (expected === 78) assert.deepEqual(variables, ['JOURNAL_URL'])
      else assert.match(stderr, /^journal-unavailable: [^\n]+\n$/)
      assert.doesNotMatch(stderr, /user:|127\.0\.0\.1/)
    })
  }

  test('a leak would be found: a process that writes its environment is caught', async () => {
    const leaky = `data:text/javascript,${encodeURIComponent('process.stdout.write(JSON.stringify(process.env)); process.exit(1)')}`
    const service = launchService({ ...stage.env, JOURNAL_URL: `postgres://user:${journalPassword}@127.0.0.1:1/journal` }, [leaky])
    await service.exited
    const grep = openGrep(SECRETS)
    grep.add('output', service.written())
    const found = new Set(grep.finds().map((find) => find.split(' ')[0]))
    for (const name of ['managementKey1', 'managementKey3', 'operationKey2', 'serviceKey2', 'journalKey1', 'journalKey2', 'journalPassword']) assert.ok(found.has(name), name)
  })
})
