import { Pool } from 'undici'
import { serveLoads } from './load.ts'
import { csrBody, keyBody, orderBody } from './order.ts'

/**
 * Callers in a process of their own, started by workers.ts: `node bench/caller.ts bare|service URL KEY_SIZE`. `bare` makes the three calls
 * of the TSB and nothing else, which is the limit of what can be had; `service` asks the service.
 */
const [kind, url = '', keySize = ''] = process.argv.slice(2)
const JSON_TYPE = { 'content-type': 'application/json' }
const pool = new Pool(url, { connections: 256, pipelining: 1, headersTimeout: 0, bodyTimeout: 0, keepAliveTimeout: 600_000 })
let count = 0

async function post(path: string, body: string, headers: Readonly<Record<string, string>>, expected: number): Promise<Buffer> {
  const answer = await pool.request({ method: 'POST', path, headers, body })
  const bytes = Buffer.from(await answer.body.arrayBuffer())
  if (answer.statusCode !== expected) throw new Error(`${path} was answered with ${answer.statusCode}: ${bytes.toString('utf8', 0, 500)}`)
  return bytes
}

async function bareCalls(): Promise<void> {
  count += 1
  const label = `bare-${process.pid}-${count}`
  await post('/v1/key', JSON.stringify(keyBody(label, Number(keySize))), JSON_TYPE, 201)
  await post('/v1/certificate/synchronous/request', JSON.stringify(csrBody(label)), JSON_TYPE, 200)
  checkZip(await post('/v1/key/keyAttestation', JSON.stringify({ label }), JSON_TYPE, 200))
}

const order = JSON.stringify(orderBody(Number(keySize)))

async function oneBundle(): Promise<void> {
  count += 1
  // As README.md recommends with a prefix.
  const headers = { ...JSON_TYPE, 'idempotency-key': `bench-${process.pid}-${count}` }
  checkZip(await post('/v1/attestation-bundles', order, headers, 201))
}

function checkZip(bytes: Buffer): void {
  if (bytes.readUInt32LE(0) !== 0x04034b50) throw new Error('that is no zip')
}

serveLoads(kind === 'bare' ? bareCalls : oneBundle)
