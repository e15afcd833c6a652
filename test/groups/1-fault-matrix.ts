import { group } from './group.ts'

await group('transaction/fault-matrix.test.ts')
