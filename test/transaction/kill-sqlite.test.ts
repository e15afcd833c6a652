import { describe } from 'node:test'
import { killsAtCalls } from './kill-at-calls.ts'
import { killsAtWrites } from './kill-at-writes.ts'

describe('a process with its journal on SQLite', () => {
  killsAtCalls(() => undefined)
  killsAtWrites(() => undefined, 'a label prefix')
})
