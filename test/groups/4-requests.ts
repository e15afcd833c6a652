import { group } from './group.ts'

await group('routes/*', 'auth/*', 'settings/*', 'client/*')
