import { describe } from 'node:test'
import { killsAtCalls } from './kill-at-calls.ts'

describe('a process with its journal on SQLite', { concurrency: 3 }, () => {
  killsAtCalls(() => undefined)
})
