import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { text } from 'node:stream/consumers'
import pg from 'pg'
import { findPrograms, getPrograms } from './postgres-programs.ts'
import { startOwnPostgres } from './postgres.ts'

async function ask(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client(url)
  await client.connect()
  const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' }).finally(() => client.end())
  return rows[0]?.[0]
}

test('gives fresh databases that know nothing of each other, and leaves nothing when it stops', async () => {
  const postgres = await startOwnPostgres()
  const [one, other] = [await postgres.newDatabase(), await postgres.newDatabase()]
  await ask(one, 'create table t (a int)')
  assert.equal(await ask(one, "select to_regclass('t')"), 't')
  assert.equal(await ask(other, "select to_regclass('t')"), null)
  await assert.rejects(ask(Object.assign(new URL(one), { password: 'guessed' }).href, 'select 1'), /password authentication failed/)
  const folder = await ask(one, 'show data_directory') as string
  await postgres.stop()
  await assert.rejects(ask(one, 'select 1'), { code: 'ECONNREFUSED' })
  if (postgres.how === 'programs') assert.ok(!existsSync(join(folder, '..')))
})

test('a server ends and its folder goes even when its test process is killed', async () => {
  const script = `import { startOwnPostgres } from '${new URL('./postgres.ts', import.meta.url).href}'
    console.log((await startOwnPostgres()).url)
    process.stdin.resume().on('end', () => process.kill(process.pid, 'SIGKILL'))`
  const env = { ...process.env, POSTGRES_VIA: 'programs' }
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { env, stdio: ['pipe', 'pipe', 'pipe'] })
  const [url] = await once(child.stdout.setEncoding('utf8'), 'data') as [string]
  const folder = await ask(url.trim(), 'show data_directory') as string
  assert.ok(existsSync(folder))
  // Ends when the last one that may write to it has ended.
  const everythingEnded = text(child.stderr)
  child.stdin.end()
  assert.equal((await once(child, 'exit'))[1], 'SIGKILL')
  assert.equal(await everythingEnded, '')
  assert.ok(!existsSync(join(folder, '..')))
  await assert.rejects(ask(url.trim(), 'select 1'), { code: 'ECONNREFUSED' })
})

test('POSTGRES_VIA takes two words only', async () => {
  process.env['POSTGRES_VIA'] = 'magic'
  await assert.rejects(startOwnPostgres(), /^Error: POSTGRES_VIA must be programs or container\.$/)
  delete process.env['POSTGRES_VIA']
})

describe("where a server's programs come from", () => {
  let root: string
  let path: string
  before(() => { root = mkdtempSync(join(tmpdir(), 'machine-')) })
  after(() => { rmSync(root, { recursive: true, force: true }) })

  const write = (file: string, script = ''): void => {
    mkdirSync(join(root, file, '..'), { recursive: true })
    writeFileSync(join(root, file), `#!/bin/sh\n${script}`)
    chmodSync(join(root, file), 0o755)
  }
  const addServer = (folder: string): void => { for (const name of ['initdb', 'postgres']) write(join(folder, name)) }

  test('the search path goes before what Debian has outside of it, and of that the highest version', () => {
    for (const version of ['9.6', '15', '17']) addServer(`debian/usr/lib/postgresql/${version}/bin`)
    // A client alone is not a server.
    write('client/psql')
    assert.equal(findPrograms(join(root, 'client'), join(root, 'debian'))?.initdb, join(root, 'debian/usr/lib/postgresql/17/bin/initdb'))
    addServer('own')
    const both = [join(root, 'client'), join(root, 'own')].join(delimiter)
    assert.equal(findPrograms(both, join(root, 'debian'))?.postgres, join(root, 'own/postgres'))
  })

  test("a bare machine gets Debian's package by apt-get, without a server of its own", async () => {
    path = join(root, 'bare/bin')
    // What apt-get of this machine does: it notes what was asked, and what stood in the settings when it was.
    write('bare/bin/apt-get', `cd "${root}"
      echo "$*" >>asked
      case "$*" in *install*) ;; *) exit ;; esac
      cat bare/etc/postgresql-common/createcluster.d/* >>asked
      mkdir -p bare/usr/lib/postgresql/17
      cp -R own bare/usr/lib/postgresql/17/bin`)
    write('bare/bin/flock')
    for (const tool of ['mkdir', 'rm', 'ls', 'cat', 'cp']) symlinkSync(realTool(tool), join(path, tool))
    const machine = { path, root: join(root, 'bare'), output: 'ignore' } as const
    await assert.rejects(getPrograms({ ...machine, isRoot: false }), /only root may install/)
    assert.equal((await getPrograms({ ...machine, isRoot: true })).initdb, join(root, 'bare/usr/lib/postgresql/17/bin/initdb'))
    assert.deepEqual(readFileSync(join(root, 'asked'), 'utf8').trim().split('\n'),
      ['-qq update', '-qq install -y --no-install-recommends -o DPkg::Lock::Timeout=300 postgresql', 'create_main_cluster = false'])
    assert.ok(!existsSync(join(root, 'bare/etc/postgresql-common/createcluster.d/no-main-cluster.conf')))
    rmSync(join(root, 'asked'))
    await getPrograms({ ...machine, isRoot: true })
    assert.ok(!existsSync(join(root, 'asked')), 'a machine that has them is left alone')
  })

  test('an installation that fails, and a machine without apt-get, are said plainly', async () => {
    rmSync(join(root, 'bare/usr'), { recursive: true })
    write('bare/bin/apt-get', 'exit 100')
    const machine = { path, root: join(root, 'bare'), isRoot: true, output: 'ignore' } as const
    await assert.rejects(getPrograms(machine), /package postgresql was not installed: apt-get ended with 1$/)
    rmSync(join(path, 'apt-get'))
    await assert.rejects(getPrograms(machine), /no initdb and postgres are on this machine, nor an apt-get$/)
  })
})

function realTool(name: string): string {
  const folder = (process.env['PATH'] ?? '').split(delimiter).find((each) => existsSync(join(each, name)))
  assert.ok(folder, `this machine has no ${name}`)
  return realpathSync(join(folder, name))
}
