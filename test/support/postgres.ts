import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { getPrograms, type Programs } from './postgres-programs.ts'
import { startServer } from './postgres-server.ts'

export interface Postgres {
  /** The server's own database, with the right to do everything: `postgres://…`. */
  readonly url: string
  /** Creates an empty database and gives its URL. */
  newDatabase(): Promise<string>
  /** Ends the server at once and removes what it wrote. */
  stop(): Promise<void>
}

interface Running extends Pick<Postgres, 'url' | 'stop'> {
  readonly how: 'programs' | 'container'
}

const IMAGE = 'postgres:17-alpine'

/** Where `npm test` has a server running for all of its files (global-setup.ts). */
export const SHARED = 'TEST_POSTGRES_URL'

/** A PostgreSQL server for a test that lets it be: the one of this run, or one of its own where a file is run alone. */
export async function startPostgres(): Promise<Postgres> {
  const url = process.env[SHARED]
  return url === undefined ? startOwnPostgres() : withDatabases({ url, async stop() { /* others use it */ } })
}

/**
 * Starts a PostgreSQL server in a folder and on a port of its own: from the machine's programs, else from Debian's package, which it
 * installs, else in a container. `POSTGRES_VIA=programs` or `container` demands one of them. It ends with this process, however that ends.
 * @throws Error in one sentence where PostgreSQL can't be had; a test that needs it is never skipped
 */
export async function startOwnPostgres(): Promise<Postgres & Running> {
  return withDatabases(await start(process.env['POSTGRES_VIA']))
}

function withDatabases<R extends Pick<Postgres, 'url' | 'stop'>>(running: R): R & Postgres {
  return {
    ...running,
    async newDatabase() {
      const name = `journal_${randomUUID().replaceAll('-', '')}`
      const client = new pg.Client(running.url)
      await client.connect()
      await client.query(`create database ${name}`).finally(() => client.end())
      return Object.assign(new URL(running.url), { pathname: name }).href
    },
  }
}

async function start(via: string | undefined): Promise<Running> {
  if (via === 'programs' || via === 'container') {
    const starting = via === 'programs' ? getPrograms().then(startPrograms) : startContainer()
    return starting.catch((error: unknown) => { throw new Error(`POSTGRES_VIA=${via}, but ${reasonOf(error)}`) })
  }
  if (via !== undefined && via !== '') throw new Error('POSTGRES_VIA must be programs or container.')
  const reasons: string[] = []
  const note = (error: unknown): undefined => { reasons.push(reasonOf(error)); return undefined }
  const programs = await getPrograms().catch(note)
  // A server that is there and does not start is a fault to be seen, not one to be passed over.
  const running = programs === undefined ? await startContainer().catch(note) : await startPrograms(programs)
  if (running !== undefined) return running
  throw new Error('The tests need PostgreSQL: install its server (Debian: apt-get install postgresql), or start a Docker engine that has '
    + `or can pull ${IMAGE} (${reasons.join('; ')}).`)
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).trim()

/** Nothing here outlives the machine, so nothing needs to reach its disk: a server that is killed loses no commit all the same. */
const SETTINGS = ['fsync=off', 'shared_buffers=16MB', 'max_connections=300', 'autovacuum=off']

// Loaded where needed: testcontainers takes longer to load than a server to start.
const startContainer = async (): Promise<Running> => (await import('./postgres-container.ts')).startContainer(IMAGE, SETTINGS)
const startPrograms = async (programs: Programs): Promise<Running> => ({ ...await startServer(programs, SETTINGS), how: 'programs' })
