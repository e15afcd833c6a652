import { group } from './group.ts'

await group('transaction/fencing-at-writes.test.ts')
