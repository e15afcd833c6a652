import { group } from './group.ts'

await group('secrets/*')
