import { group } from './group.ts'

await group('!(against-wiremock|server|journal-stop).test.ts', 'groups/*')
