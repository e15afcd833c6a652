import { group } from './group.ts'

await group('server.test.ts', 'journal-stop.test.ts', 'commands/*', 'doctor/*')
