import { group } from './group.ts'

await group('transaction/key-*.test.ts', 'transaction/[ln]*.test.ts', 'transaction/[r-z]*.test.ts')
