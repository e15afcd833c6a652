import { createServer, get, request, type IncomingMessage, type ServerResponse } from 'node:http'

// Stands in docker-compose.yml for the balancer that you have: takes turns among the replicas whose readyz answers 200, and repeats nothing.
// `node balancer.ts PORT HOST:PORT …`

/** As often as HAProxy's or Kubernetes' quicker settings; the service's SHUTDOWN_DELAY_MS has to be longer. */
const LOOK_EVERY_MS = 500
const LOOK_LIMIT_MS = 1_000

const [port, ...replicas] = process.argv.slice(2)
const ready = new Set<string>()
let turn = 0

function look(replica: string): void {
  const note = (isReady: boolean): void => {
    if (isReady === ready.has(replica)) return
    if (isReady) ready.add(replica)
    else ready.delete(replica)
    process.stdout.write(`${replica} is ${isReady ? 'ready' : 'not ready'}\n`)
  }
  const asked = get(`http://${replica}/readyz`, { agent: false, timeout: LOOK_LIMIT_MS }, (answer) => {
    answer.resume()
    note(answer.statusCode === 200)
  })
  asked.on('timeout', () => { asked.destroy() })
  asked.on('error', () => { note(false) })
}

function pass(from: IncomingMessage, to: ServerResponse): void {
  const among = replicas.filter((replica) => ready.has(replica))
  const replica = among[turn++ % among.length]
  if (replica === undefined) {
    to.writeHead(503).end('no replica is ready\n')
    return
  }
  const { method, url, headers } = from
  // A connection for each request: one that is kept could be closed by the replica just when it is used again.
  const forwarded = request(`http://${replica}`, { method, path: url, headers: { ...headers, connection: 'close' }, agent: false }, (answer) => {
    to.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(to)
  })
  forwarded.on('error', (error) => {
    process.stdout.write(`${replica}: ${error.message}\n`)
    if (!to.headersSent) to.writeHead(502)
    to.end()
  })
  // The service looks after a transaction whose caller is gone: it has to learn of it.
  to.on('close', () => { if (!to.writableFinished) forwarded.destroy() })
  from.pipe(forwarded)
}

for (const replica of replicas) {
  look(replica)
  setInterval(look, LOOK_EVERY_MS, replica)
}
createServer(pass).listen(Number(port))
