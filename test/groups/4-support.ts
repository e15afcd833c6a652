import { group } from './group.ts'

await group('support/*', 'bench/*', 'deploy/*')
