import { group } from './group.ts'

await group('transaction/kill-at-*-sqlite.test.ts')
