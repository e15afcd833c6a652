import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { faultsOf, type JsonSchema, type MediaType, type OpenApiDocument } from './openapi-document.ts'

interface TsbOperation {
  readonly operationId: string
  readonly 'x-role': readonly string[]
  readonly 'x-evidence'?: string
  readonly requestBody?: Body
  readonly responses: Readonly<Record<string, Body>>
}

type Body = { readonly $ref: string } | { readonly content?: Readonly<Record<string, MediaType>> }

/** A request as `openapi/tsb.yaml` sees it. */
export interface TsbRequestFacts {
  readonly method: string
  /** As sent, or in WireMock's words a pattern. */
  readonly path: string
  readonly contentType: string | undefined
  /** Parsed; undefined where there is none or it is not known. */
  readonly body?: unknown
}

export interface TsbAnswerFacts {
  readonly status: number
  readonly contentType: string | undefined
  readonly body: Buffer
}

/** The committed contract, as far as tests ask it. */
export interface TsbContract {
  readonly document: OpenApiDocument
  readonly operations: readonly { readonly method: string; readonly path: string; readonly operation: TsbOperation }[]
  /** The operation of a request; a `{name}` of the path takes any one segment, WireMock's `[^/]+` too. */
  operationOf(request: Pick<TsbRequestFacts, 'method' | 'path'>): TsbOperation | undefined
  /** @returns what the contract does not know of a request, or knows otherwise */
  requestFaults(request: TsbRequestFacts): string[]
  /** @returns the same of an answer to that request */
  answerFaults(request: Pick<TsbRequestFacts, 'method' | 'path'>, answer: TsbAnswerFacts): string[]
}

/** Reads `openapi/tsb.yaml`. */
export function readTsbContract(): TsbContract {
  const document = parse(readFileSync(new URL('../../openapi/tsb.yaml', import.meta.url), 'utf8')) as OpenApiDocument
  const operations = Object.entries(document.paths).flatMap(([path, methods]) => Object.entries(methods)
    .filter(([method]) => method !== 'parameters')
    .map(([method, operation]) => ({ method: method.toUpperCase(), path, operation: operation as unknown as TsbOperation })))

  const resolve = (body: Body): { readonly content?: Readonly<Record<string, MediaType>> } => {
    if (!('$ref' in body)) return body
    const [, , kind = '', name = ''] = body.$ref.split('/')
    return document.components[kind]![name] as { content?: Record<string, MediaType> }
  }
  const operationOf: TsbContract['operationOf'] = ({ method, path }) => operations.find((each) => each.method === method && matches(each.path, path))?.operation
  const bodyFaults = (schema: JsonSchema, value: unknown): string[] => faultsOf(document, schema, value)

  return {
    document,
    operations,
    operationOf,
    requestFaults({ method, path, contentType, body }) {
      const operation = operationOf({ method, path })
      if (operation === undefined) return [`${method} ${path} is not in the contract`]
      if (operation.requestBody === undefined) return contentType === undefined && body === undefined ? [] : ['a body that the contract does not know']
      const media = resolve(operation.requestBody).content?.[typeOf(contentType)]
      if (media === undefined) return [`a request of type ${contentType}`]
      return body === undefined ? [] : bodyFaults(media.schema, body)
    },
    answerFaults({ method, path }, { status, contentType, body }) {
      const operation = operationOf({ method, path })
      if (operation === undefined) return [`${method} ${path} is not in the contract`]
      const { [String(status)]: exact, [`${Math.floor(status / 100)}XX`]: range, default: other } = operation.responses
      const documented = exact ?? range ?? (status >= 400 ? other : undefined)
      if (documented === undefined) return [`status ${status}`]
      const { content } = resolve(documented)
      // Where no content is documented, the service reads none.
      if (content === undefined) return []
      const media = content[typeOf(contentType)]
      if (media === undefined) return [`${status} of type ${contentType}`]
      if (typeOf(contentType) !== 'application/json') return body.subarray(0, 4).equals(ZIP) ? [] : ['no zip']
      return bodyFaults(media.schema, JSON.parse(body.toString()))
    },
  }
}

/** What a zip with an entry begins with. */
const ZIP = Buffer.from('PK\u0003\u0004')

const typeOf = (contentType: string | undefined): string => (contentType ?? 'none').replace(/;.*$/, '')

function matches(template: string, path: string): boolean {
  const [wanted, found] = [template, path.replaceAll('[^/]+', '{any}')].map((each) => each.split('/'))
  return wanted!.length === found!.length && wanted!.every((segment, i) => segment.startsWith('{') ? found![i] !== '' : segment === found![i])
}
