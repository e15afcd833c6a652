import { group } from './group.ts'

await group('transaction/[a-e]*.test.ts', 'transaction/j*.test.ts')
