import { group } from './group.ts'

await group('transaction/f{ault-matrix-looks,ingerprint}.test.ts')
