import { EventEmitter, once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { postgresDialect, type Statement } from './postgres-protocol.ts'
import { openLane, type Lane } from './tcp-lane.ts'

/** How a protocol is read; one per connection. Answers are numbered, so that what is asked can be told from what was asked before. */
export interface Dialect<M> {
  /** @returns the pieces to pass on; `message` where one is complete, `answer`: the number of the answer that it will get */
  client(chunk: Buffer): { readonly bytes: Buffer; readonly answer: number; readonly message?: M }[]
  /** @returns the pieces to pass on; `answer`: the one they belong to, `ends`: it is complete with this piece */
  server(chunk: Buffer): { readonly bytes: Buffer; readonly answer: number; readonly ends: boolean }[]
}

/** A connection that stands still. */
export interface Held<M> {
  readonly message: M
  /** Passes on what was held, to a server even when the client has gone meanwhile: so a write lands late. */
  release(): void
  /** Breaks off the client's side only: it hears that the connection is lost, and what was held can still be released. */
  desert(): void
  /** Breaks the connection off; what was held is lost. */
  cut(): void
  /** Resolves once the server has answered the message, whether or not anybody hears that. */
  readonly answered: Promise<void>
}

export interface TcpProxy<M> {
  readonly port: number
  /** The target's URL with this proxy's host and port. */
  readonly url: string
  /** All messages so far, as they came. */
  readonly messages: readonly M[]
  /** Each of these meets the next message that matches, once. Ask before what sends it; the promise resolves when it has happened. */
  seen(match: (message: M) => boolean): Promise<M>
  /** Breaks off in place of passing the message on: the server never hears of it. */
  cutBefore(match: (message: M) => boolean): Promise<M>
  /** Passes the message on and breaks off once its answer is complete: it took effect, and nobody hears of that. */
  cutAfter(match: (message: M) => boolean): Promise<M>
  /** Holds the message and what follows it; resolves with the means to go on. */
  holdBefore(match: (message: M) => boolean): Promise<Held<M>>
  /** Passes the message on and holds its answer; resolves once that is complete. */
  holdAfter(match: (message: M) => boolean): Promise<Held<M>>
  /** Breaks off all connections that have a client. @returns how many there were */
  cutAll(): number
  /** From now on nobody listens at the port; connections that stand go on. */
  refuse(): void
  /** Listens again, at the same port. */
  accept(): Promise<void>
  /** Nothing goes through any more in either direction, new connections included, and nobody is told. */
  freeze(): void
  /** All that was said meanwhile goes through. */
  thaw(): void
  stop(): Promise<void>
}

/** A proxy in front of a PostgreSQL server that sees its statements. */
export const startPostgresProxy = (url: string): Promise<TcpProxy<Statement>> => startTcpProxy(url, postgresDialect)

/** A proxy in front of anything. A message is all that a client has said since it last heard something, one character per byte. */
export const startTextProxy = (url: string): Promise<TcpProxy<string>> => startTcpProxy(url, textDialect)

function textDialect(): Dialect<string> {
  let turn = 0
  let said = ''
  let heard = true
  return {
    client(bytes) {
      if (heard) [turn, said, heard] = [turn + 1, '', false]
      said += bytes.toString('latin1')
      return [{ bytes, answer: turn, message: said }]
    },
    server(bytes) {
      heard = true
      return [{ bytes, answer: turn, ends: true }]
    },
  }
}

/**
 * Breaks a connection off. Not by a reset while its end is on the way: libuv refuses that, Node takes the socket for closed all the same,
 * and waits for it in vain, at full speed, when the process exits.
 */
function reset(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy()
  else socket.resetAndDestroy()
}

/** A test that waits for what never comes fails with this, in place of standing still. */
const PATIENCE_MS = 20_000

interface Rule<M> {
  readonly when: 'before' | 'after'
  readonly match: (message: M) => boolean
  readonly happens: (held: Held<M>) => void
}

/**
 * Starts a proxy on a free port of 127.0.0.1.
 * @param target where connections go; a URL with a port
 * @param dialect how to read what is said
 */
export async function startTcpProxy<M>(target: string, dialect: () => Dialect<M>): Promise<TcpProxy<M>> {
  const { hostname, port: targetPort } = new URL(target)
  const rules: Rule<M>[] = []
  const messages: M[] = []
  const open = new Set<{ readonly client: Socket; readonly cut: () => void; readonly lanes: readonly Lane[] }>()
  const timers = new Set<NodeJS.Timeout>()
  let frozen = false

  function serve(client: Socket): void {
    const server = connect({ port: Number(targetPort), host: hostname, allowHalfOpen: true, noDelay: true })
    const reading = dialect()
    const answers = new EventEmitter()
    let awaited: { readonly rule: Rule<M>; readonly answer: number; readonly message: M } | undefined
    const cut = (): void => {
      open.delete(connection)
      up.drop()
      down.drop()
      reset(client)
      server.destroy()
    }
    const desert = (): void => { reset(client) }
    const up = openLane(client, server, () => frozen, (chunk) => {
      for (const { bytes, answer, message } of reading.client(chunk)) {
        if (server.destroyed) return
        const rule = message === undefined ? undefined : ruleFor(message)
        if (rule?.when === 'before') up.hold()
        up.send(bytes)
        if (message === undefined) continue
        messages.push(message)
        const answered = new Promise<void>((resolve) => { answers.once(String(answer), resolve) })
        if (rule?.when === 'before') rule.happens({ message, cut, desert, answered, release: () => { up.release() } })
        if (rule?.when === 'after') awaited = { rule, answer, message }
      }
    })
    const down = openLane(server, client, () => frozen, (chunk) => {
      for (const { bytes, answer, ends } of reading.server(chunk)) {
        const due = awaited !== undefined && answer >= awaited.answer ? awaited : undefined
        if (due) down.hold()
        down.send(bytes)
        if (ends) answers.emit(String(answer))
        if (!due || !ends) continue
        awaited = undefined
        due.rule.happens({ message: due.message, cut, desert, answered: Promise.resolve(), release: () => { down.release() } })
      }
    })
    const connection = { client, cut, lanes: [up, down] }
    open.add(connection)
    // So that a reset stays a reset, and a target that is down looks like one.
    server.once('error', () => { reset(client) })
    for (const socket of [client, server]) socket.once('close', () => { if (client.destroyed && server.destroyed) open.delete(connection) })
  }

  function ruleFor(message: M): Rule<M> | undefined {
    const index = rules.findIndex(({ match }) => match(message))
    return index < 0 ? undefined : rules.splice(index, 1)[0]
  }

  function arm<T>(when: Rule<M>['when'], match: (message: M) => boolean, act: (held: Held<M>) => T): Promise<T> {
    const happened = new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        const last = JSON.stringify(messages.slice(-5)).slice(0, 2_000)
        reject(new Error(`What the proxy waited for did not come. The last of ${messages.length} messages: ${last}`))
      }, PATIENCE_MS)
      timers.add(timer)
      rules.push({ when, match, happens: (held) => { clearTimeout(timer); resolve(act(held)) } })
    })
    // Not every test waits for what it asked for.
    happened.catch(() => undefined)
    return happened
  }

  const listen = async (port: number): Promise<Server> => {
    const listening = createServer({ allowHalfOpen: true, noDelay: true }, serve).listen(port, '127.0.0.1')
    await once(listening, 'listening')
    return listening
  }
  let listener = await listen(0)
  const { port } = listener.address() as AddressInfo
  const cutAll = (): number => {
    const all = [...open].filter(({ client }) => !client.destroyed)
    for (const { cut } of all) cut()
    return all.length
  }
  const cutAt = ({ message, cut }: Held<M>): M => { cut(); return message }
  return {
    port,
    url: Object.assign(new URL(target), { hostname: '127.0.0.1', port: String(port) }).href.replace(/\/$/, target.endsWith('/') ? '/' : ''),
    messages,
    seen: (match) => arm('before', match, ({ message, release }) => { release(); return message }),
    cutBefore: (match) => arm('before', match, cutAt),
    cutAfter: (match) => arm('after', match, cutAt),
    holdBefore: (match) => arm('before', match, (held) => held),
    holdAfter: (match) => arm('after', match, (held) => held),
    cutAll,
    refuse: () => { listener.close() },
    async accept() { listener = await listen(port) },
    freeze: () => { frozen = true },
    thaw: () => {
      frozen = false
      for (const { lanes } of open) for (const lane of lanes) lane.flush()
    },
    async stop() {
      for (const timer of timers) clearTimeout(timer)
      for (const { cut } of open) cut()
      if (listener.listening) await once(listener.close(), 'close')
    },
  }
}
