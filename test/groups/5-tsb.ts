import { group } from './group.ts'

await group('tsb/*', 'simulator/*')
