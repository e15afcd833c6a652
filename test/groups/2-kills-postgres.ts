import { group } from './group.ts'

await group('transaction/kill-postgres.test.ts')
