import { group } from './group.ts'

await group('against-wiremock.test.ts')
