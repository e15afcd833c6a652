import { group } from './group.ts'

await group('transaction/fencing-at-calls.test.ts')
