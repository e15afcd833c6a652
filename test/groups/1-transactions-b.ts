import { group } from './group.ts'

await group('transaction/key-*.test.ts', 'transaction/l*.test.ts', 'transaction/[r-z]*.test.ts')
