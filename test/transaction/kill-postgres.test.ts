import { after, before, describe } from 'node:test'
import { startPostgres, type Postgres } from '../support/postgres.ts'
import { killsAtCalls } from './kill-at-calls.ts'
import { killsAtWrites } from './kill-at-writes.ts'

describe('a process with its journal on PostgreSQL', { concurrency: 3 }, () => {
  let postgres: Postgres
  let journalUrl: string
  before(async () => {
    postgres = await startPostgres()
    journalUrl = await postgres.newDatabase()
  })
  after(() => postgres.stop())

  killsAtCalls(() => journalUrl)
  killsAtWrites(() => journalUrl)
})
