import { METHODS } from 'node:http'
import fc from 'fast-check'
import { bodies, byte, onceBody, soundBodies } from './generated-orders.ts'
import { BUNDLES } from './raw-client.ts'

/** One request as it goes over the wire. Texts are latin1: a character is a byte. */
export interface GeneratedRequest {
  readonly method: string
  /** `MADE` in it stands for the path of a transaction that was made before. */
  readonly target: string
  readonly version: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
  readonly framing: Framing
  /** Closes its half of the connection behind the request, whole or not; then there may be no answer. */
  readonly hangsUp: boolean
}

type Framing = 'none' | 'length' | 'chunked' | 'longer' | 'shorter' | 'twice' | 'both' | 'negative' | 'unfinished' | 'gzip' | 'extension'

export const MADE = '<made>'
/** What the test's clients file has the hashes of. */
export const KEYS = { billing: 'the-key-of-billing', shop: 'the-key-of-shop' }

const bytes = (maxLength: number): fc.Arbitrary<string> => fc.string({ unit: byte, maxLength })
const within = (min: number, max: number): fc.Arbitrary<string> => fc.integer({ min, max }).map((code) => String.fromCharCode(code))
const visible = fc.string({ unit: within(0x21, 0x7e), minLength: 1, maxLength: 30 })
/** What a header may hold; and now and then what it may not. */
const fieldText = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: fc.oneof(within(0x20, 0x7e), within(0x80, 0xff)), maxLength: 30 }) }, { weight: 1, arbitrary: bytes(20) },
)
const token = fc.string({ unit: fc.constantFrom(...'abcxyz-_09'), minLength: 1, maxLength: 12 })

const authorization: fc.Arbitrary<readonly string[]> = fc.oneof(
  { weight: 16, arbitrary: fc.constant([`Bearer ${KEYS.billing}`]) },
  { weight: 4, arbitrary: fc.constant([`bearer  ${KEYS.shop}`]) },
  { weight: 1, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.oneof(visible, fieldText).map((key) => [`Bearer ${key}`]) },
  { weight: 1, arbitrary: fc.constantFrom(['Bearer'], ['Basic eDp5'], [KEYS.billing], [`Bearer ${KEYS.billing}`, 'Bearer x'], ['Bearer eyJhbGciOiJub25lIn0.e30.']) },
)
/** So many that no address gets to the limit of failures, past which each answer takes a second. */
const address = fc.nat(200).map((n) => `203.0.113.${n}`)

const accept = fc.constantFrom(
  'application/zip', 'application/json', '*/*', 'application/*;q=0.5, application/json', 'text/html', 'application/zip;q=0', '*/*;q=0', ',,', ';q=1',
  'application/json;q=2', 'a/b;'.repeat(500), '',
)
const contentType = fc.oneof(
  { weight: 12, arbitrary: fc.constant('application/json') },
  { weight: 1, arbitrary: fc.constantFrom(
    'text/plain', 'application/json; charset=utf-16', 'APPLICATION/JSON;charset=UTF-8', 'application/jsonx', '', ';', 'multipart/form-data', 'application/json;;=',
    '*/*', 'application/json, text/plain',
  ) },
)
const idempotencyKey = fc.oneof(fc.nat(30).map((n) => `once-${n}`), visible, fieldText, fc.constantFrom('', ' ', 'a b', 'x'.repeat(255), 'x'.repeat(256)))

const otherHeader = fc.oneof(
  fc.tuple(fc.constantFrom('accept', 'Accept'), accept),
  fc.tuple(fc.constant('idempotency-key'), idempotencyKey),
  fc.tuple(fc.constant('content-type'), contentType),
  fc.tuple(fc.constantFrom('x-forwarded-for', 'forwarded', 'x-http-method-override', 'cookie', 'referer', 'origin', 'range', 'if-none-match', 'te'), fieldText),
  fc.constantFrom<[string, string]>(
    ['expect', '100-continue'], ['expect', 'the-unexpected'], ['upgrade', 'h2c'], ['accept-version', '1.x'], ['content-encoding', 'gzip'], ['host', 'another'],
    ['connection', 'keep-alive'], ['range', 'bytes=0-1'], ['x-http-method-override', 'DELETE'], ['accept-encoding', 'gzip'], ['x-large', 'x'.repeat(17_000)],
    ['trailer', 'x'], ['proxy-connection', 'x'], ['x-a : b', 'c'],
  ),
  fc.tuple(fc.oneof({ weight: 6, arbitrary: token }, { weight: 1, arbitrary: fc.oneof(visible, bytes(8)) }), fieldText),
)

const id = fc.oneof(fc.constant(`${BUNDLES}/${MADE}`), fc.uuid().map((uuid) => `${BUNDLES}/${uuid}`))
const oddPart = fc.oneof(
  bytes(20).map(encodeURIComponent), visible,
  fc.constantFrom('..', '%2e%2e%2f', '%00', '%zz', '%', '%c0%80', '%ff', '__proto__', 'x'.repeat(300), ';x', '#x', '//'),
)
const query = fc.oneof(
  fc.constantFrom(
    '?label=billing', '?label=billing-1', '?label=', '', '?', '?label=a&label=b', '?label[]=a', '?LABEL=a', '?__proto__=a', '?label=a&x=1', '?label=a%00',
    '?label=%ff', '?&&&=',
  ),
  oddPart.map((part) => `?label=${part}`), oddPart.map((part) => `?${part}`),
)
const operations = fc.constantFrom('/livez', '/readyz', '/metrics', '/openapi.json', '/docs')
const route = fc.oneof(
  { weight: 3, arbitrary: query.map((asked) => BUNDLES + asked) }, { weight: 3, arbitrary: id }, { weight: 2, arbitrary: operations },
  { weight: 1, arbitrary: oddPart.map((part) => `${BUNDLES}/${part}`) },
)
/** Letters and digits too, which need it least. */
const encoded = (character: string): string => encodeURIComponent(character).replace(/^\w$/, (letter) => `%${letter.charCodeAt(0).toString(16)}`)
/** A target that no client would write; some of them are a route all the same. */
const oddTarget = fc.oneof(
  fc.tuple(fc.constantFrom('http://service', 'https://another:1', 'ftp://x', '/', '/v1', '//', '/.', '*', '', 'service'), route).map(([before, path]) => before + path),
  fc.tuple(route, oddPart).map(([path, behind]) => path + behind),
  fc.tuple(route, fc.nat(40)).map(([path, at]) => path.slice(0, at)),
  fc.tuple(route, fc.nat(20)).map(([path, at]) => path.slice(0, at) + encoded(path.charAt(at)) + path.slice(at + 1)),
  bytes(30), visible.map((text) => `/${text}`),
  fc.constantFrom('*', '/', `/${'a'.repeat(9_000)}`, `${BUNDLES}?label=${'a'.repeat(9_000)}`, `/${'%41'.repeat(2_000)}`, 'service:443'),
)
const method = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('GET', 'HEAD') }, { weight: 1, arbitrary: fc.constantFrom(...METHODS) },
  { weight: 1, arbitrary: fc.constantFrom('get', 'FOO', 'P', 'POST\t', 'CONNECT') },
)
const version = fc.oneof(
  { weight: 30, arbitrary: fc.constant('HTTP/1.1') },
  { weight: 1, arbitrary: fc.constantFrom('HTTP/1.0', 'HTTP/2.0', 'HTTP/1.2', 'http/1.1', 'HTTP/0.9', '', 'HTTP/1.1 x') },
)
const framing = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom<Framing>('length', 'chunked') },
  { weight: 1, arbitrary: fc.constantFrom<Framing>('none', 'longer', 'shorter', 'twice', 'both', 'negative', 'unfinished', 'gzip', 'extension') },
)

type Others = readonly (readonly [string, string])[]
interface Parts {
  readonly method: fc.Arbitrary<string>
  readonly target: fc.Arbitrary<string>
  readonly body: fc.Arbitrary<string>
  readonly framing: fc.Arbitrary<Framing>
  readonly more: fc.Arbitrary<Others>
}

/** Every request says where it comes from and, most of them, who sends it; `more` are headers behind these. */
function built(parts: Parts): fc.Arbitrary<GeneratedRequest> {
  const hangsUp = fc.nat(39).map((n) => n === 39)
  return fc.record({ ...parts, version, hangsUp, authorization, address }).map(({ authorization: credentials, address: from, more, ...rest }) => {
    const fields = credentials.map((field): Others[number] => ['authorization', field])
    return { ...rest, headers: [['host', 'service'], ['x-forwarded-for', from], ...fields, ...more] }
  })
}

const json: Others[number] = ['content-type', 'application/json']
const few = fc.array(otherHeader, { maxLength: 3 })
const typed = fc.tuple(contentType, few).map(([type, more]): Others => [['content-type', type], ...more])
const sound = fc.tuple(fc.option(fc.nat(30), { freq: 2, nil: undefined }), fc.constantFrom('application/zip', 'application/json'))
  .map(([n, type]): Others => [json, ['accept', type], ...(n === undefined ? [] : [['idempotency-key', `once-${n}`] as const])])
const post = { method: fc.constant('POST'), target: fc.constant(BUNDLES) }
const once = fc.nat(5).chain((n) => built({
  ...post, body: fc.constant(onceBody(n)), framing: fc.constant('length'), more: fc.constant([json, ['idempotency-key', `the-same-${n}`]]),
}))
const bodiless = { body: fc.constant(''), framing: fc.constant<Framing>('none') }

/** Requests to every route, and to none. Most are wrong in one or two ways: what is wrong everywhere is refused at the first. */
export const requests: fc.Arbitrary<GeneratedRequest> = fc.oneof(
  { weight: 8, arbitrary: built({ ...post, body: soundBodies, framing: fc.constant('length'), more: sound }) },
  { weight: 2, arbitrary: once },
  { weight: 28, arbitrary: built({ ...post, body: bodies, framing: fc.constantFrom('length', 'chunked'), more: fc.constant([json]) }) },
  { weight: 16, arbitrary: built({ ...post, body: bodies, framing, more: typed }) },
  { weight: 20, arbitrary: built({ method: fc.constantFrom('GET', 'HEAD'), target: route, ...bodiless, more: few }) },
  { weight: 10, arbitrary: built({ method, target: fc.oneof(route, fc.constant(BUNDLES)), body: fc.oneof(fc.constant(''), bodies), framing, more: few }) },
  { weight: 10, arbitrary: built({ method, target: oddTarget, ...bodiless, more: few }) },
  { weight: 8, arbitrary: built({
    method: fc.oneof(method, bytes(6)), target: fc.oneof(route, oddTarget), body: bytes(50), framing, more: fc.array(otherHeader, { maxLength: 8 }),
  }) },
)

/** @returns the bytes of a request, with `made` in place of MADE; the connection is closed behind the answer */
export function wireOf({ method: verb, target, version: protocol, headers, body, framing: how }: GeneratedRequest, made: string): Buffer {
  const lines = headers.map(([name, value]) => `${name}: ${value}`)
  const head = [`${verb} ${target.replace(MADE, made)} ${protocol}`, ...lines, 'connection: close', ...lengthLines(how, body.length), '', ''].join('\r\n')
  return Buffer.from(head + framed(how, body), 'latin1')
}

function lengthLines(how: Framing, length: number): readonly string[] {
  switch (how) {
    case 'none': return []
    case 'length': return [`content-length: ${length}`]
    case 'longer': return [`content-length: ${length + 5}`]
    case 'shorter': return [`content-length: ${Math.floor(length / 2)}`]
    case 'twice': return [`content-length: ${length}`, `content-length: ${length + 1}`]
    case 'negative': return [`content-length: -${length + 1}`]
    case 'both': return [`content-length: ${length}`, 'transfer-encoding: chunked']
    case 'gzip': return ['transfer-encoding: gzip']
    case 'chunked': case 'unfinished': case 'extension': return ['transfer-encoding: chunked']
  }
}

function framed(how: Framing, body: string): string {
  if (how === 'unfinished') return `${(body.length + 10).toString(16)}\r\n${body}`
  if (how !== 'chunked' && how !== 'extension' && how !== 'both') return body
  const pieces = body.match(/[^]{1,400}/g) ?? []
  return `${pieces.map((piece) => `${piece.length.toString(16)}${how === 'extension' ? ';x="y"' : ''}\r\n${piece}\r\n`).join('')}0\r\n\r\n`
}
