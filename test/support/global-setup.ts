import { SHARED, startOwnPostgres, type Postgres } from './postgres.ts'

let postgres: Postgres

/** Before the first file of `npm test`: one PostgreSQL server for all, because making one takes a second of computing. */
export async function globalSetup(): Promise<void> {
  postgres = await startOwnPostgres()
  process.env[SHARED] = postgres.url
}

export const globalTeardown = (): Promise<void> => postgres.stop()
