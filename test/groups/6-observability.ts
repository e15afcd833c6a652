import { group } from './group.ts'

await group('observability/!(not-asked).test.ts')
