import type { Dialect } from './tcp-proxy.ts'

/** A statement on its way to the server: the SQL, and the parameters where there are any; binary ones as bytes. */
export interface Statement {
  readonly sql: string
  readonly parameters: readonly (string | Buffer | null)[]
}

/**
 * What a client of PostgreSQL sends and hears, in whole messages (protocol 3.0, "Message Formats" in PostgreSQL's manual). A statement
 * is seen where it would take effect: at Query, or at Bind with the SQL of its Parse. Its answer ends with ReadyForQuery, which follows
 * the commit of a statement that stands outside of a transaction; one inside takes effect with its COMMIT, a statement of its own.
 */
export function postgresDialect(): Dialect<Statement> {
  const prepared = new Map<string, string>()
  let started = false
  let asked = 1
  let answered = 0
  let parsed: Buffer = Buffer.alloc(0)
  const fromClient = framer(() => started)
  const fromServer = framer(() => true)
  return {
    client: (chunk) => fromClient(chunk).map((message) => {
      let bytes = message
      if (!started) {
        // A TLS handshake, or the question for one: the proxy could read nothing of what follows.
        if (bytes.readUInt32BE(4) === 80877103) throw new Error('The proxy reads what is said and takes no TLS: connect without sslmode.')
        started = true
        return { bytes, answer: 0 }
      }
      const answer = asked
      const type = String.fromCharCode(bytes[0]!)
      if (type === 'Q' || type === 'S' || type === 'F') asked += 1
      const read = reader(bytes)
      if (type === 'P') {
        prepared.set(read.text(), read.text())
        // It goes with what follows it: the server's statement_timeout runs from here on, and must not while the statement is held.
        parsed = Buffer.concat([parsed, bytes])
        return { bytes: Buffer.alloc(0), answer }
      }
      [bytes, parsed] = [Buffer.concat([parsed, message]), Buffer.alloc(0)]
      if (type === 'Q') return { bytes, answer, message: { sql: read.text(), parameters: [] } }
      if (type !== 'B') return { bytes, answer }
      read.text()
      const sql = prepared.get(read.text()) ?? ''
      const formats = Array.from({ length: read.int16() }, () => read.int16())
      const parameters = Array.from({ length: read.int16() }, (_, i) => {
        const value = read.value()
        // None given: all are text; one given: it goes for all.
        const binary = (formats.length === 1 ? formats[0] : formats[i]) === 1
        return binary ? value : value?.toString() ?? null
      })
      return { bytes, answer, message: { sql, parameters } }
    }),
    server: (chunk) => fromServer(chunk).map((bytes) => {
      const ends = bytes[0] === READY_FOR_QUERY
      return { bytes, answer: ends ? answered++ : answered, ends }
    }),
  }
}

const READY_FOR_QUERY = 'Z'.charCodeAt(0)

/**
 * Says which statements are meant: the SQL matches and a parameter is equal.
 * @param parameter undefined: any, or none
 */
export const statement = (sql: RegExp, parameter?: string) => ({ sql: text, parameters }: Statement): boolean =>
  sql.test(text) && (parameter === undefined || parameters.includes(parameter))

/** Cuts a stream into whole messages; what is left waits for more. `typed`: whether the next one begins with a byte that names its type. */
function framer(typed: () => boolean): (chunk: Buffer) => Buffer[] {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    const whole: Buffer[] = []
    let expectType = typed()
    for (;;) {
      const at = expectType ? 1 : 0
      if (rest.length < at + 4) return whole
      const length = at + rest.readUInt32BE(at)
      if (rest.length < length) return whole
      whole.push(rest.subarray(0, length))
      rest = rest.subarray(length)
      // Only a client's first message has no type.
      expectType = true
    }
  }
}

function reader(bytes: Buffer): { text(): string; int16(): number; value(): Buffer | null } {
  let at = 5
  const take = (length: number): Buffer => bytes.subarray(at, at += length)
  return {
    text: () => {
      const text = take(bytes.indexOf(0, at) - at).toString()
      at += 1
      return text
    },
    int16: () => take(2).readInt16BE(),
    value: () => {
      const length = take(4).readInt32BE()
      return length < 0 ? null : take(length)
    },
  }
}
