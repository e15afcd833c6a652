import { group } from './group.ts'

await group('hostile/!(tsb).test.ts')
