import { group } from './group.ts'

await group('evidence/*', 'profiles/*')
