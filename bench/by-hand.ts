import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { serveLoads } from './load.ts'

/** People with a shell, started by workers.ts: `node bench/by-hand.ts URL ROOT_PEM FOLDER`. Each bundle is a run of by-hand.sh. */
const [url = '', rootPem = '', home = ''] = process.argv.slice(2)
const script = fileURLToPath(new URL('by-hand.sh', import.meta.url))
const folder = mkdtempSync(join(home, 'by-hand-'))
const root = join(folder, 'root.pem')
writeFileSync(root, rootPem)
let count = 0

serveLoads(async () => {
  count += 1
  const label = `hand-${process.pid}-${count}`
  const child = spawn('/bin/sh', [script, url, label, root, folder], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => { said += text })
  const [code] = await once(child, 'close') as [number | null]
  if (code !== 0) throw new Error(`by-hand.sh ended with ${code}: ${said.trim()}`)
})
process.on('exit', () => { rmSync(folder, { recursive: true, force: true }) })
