import { group } from './group.ts'

await group('bundle/!(verify-script*).test.ts', 'api-page/*')
