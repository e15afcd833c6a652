import { openJournal } from '../../src/journal/open-journal.ts'
import { begun, begunIn, LEASE_MS, RETENTION_MS, row, TSB } from './bench.ts'

// A process of the service, for tests that kill one: `node sqlite-process.ts <url> hold|write`.
const [url = '', what] = process.argv.slice(2)
const journal = await openJournal({ url, tsb: TSB, leaseMs: LEASE_MS, retentionMs: RETENTION_MS })
const { id } = await begun(journal, row({ secret: 'sealed' }))
const say = (line: string): Promise<void> => new Promise((resolve) => { process.stdout.write(`${line}\n`, () => resolve()) })
await say(id)
setInterval(() => {}, 1_000)
while (what === 'write') await say((await begunIn(journal, 'committed')).id)
