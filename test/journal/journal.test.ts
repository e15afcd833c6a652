import { after, afterEach, before, describe } from 'node:test'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { type Bench, postgresBench, sqliteBench } from './bench.ts'
import { lasting } from './suites/lasting.ts'
import { leases } from './suites/leases.ts'
import { locks } from './suites/locks.ts'
import { reading } from './suites/reading.ts'
import { reopening } from './suites/reopening.ts'
import { writing } from './suites/writing.ts'

// One set of tests over both engines: what holds for one has to hold for the other.
const suites = { lasting, locks, writing, leases, reopening, reading }
let postgres: Postgres
after(() => postgres.stop())

for (const engine of ['SQLite', 'PostgreSQL']) {
  describe(engine, () => {
    let bench: Bench
    before(async () => {
      if (engine === 'PostgreSQL') postgres = await startPostgres()
      bench = engine === 'SQLite' ? sqliteBench() : await postgresBench(postgres)
    })
    afterEach(() => bench.empty())
    after(() => bench.end())
    for (const [name, suite] of Object.entries(suites)) describe(name, () => suite(() => bench))
  })
}
