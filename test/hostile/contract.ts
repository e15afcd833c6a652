import assert from 'node:assert/strict'
import { Compile } from 'typebox/schema'
import { PROBLEMS, PROBLEM_CODES, type ProblemCode } from '../../src/errors.ts'
import { assertRow, type ProblemAnswer } from '../support/problem.ts'
import { BUNDLES } from './raw-client.ts'

interface MediaType { readonly examples?: Readonly<Record<string, unknown>> }
interface Operation { readonly responses: Readonly<Record<string, { readonly content: Readonly<Record<string, MediaType>> }>> }
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<'Problem' | 'Transaction' | 'TransactionList', object>> }
}

/** An answer as it came over the wire. */
export interface WireAnswer {
  readonly status: number
  /** By names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
}

export interface Contract {
  /**
   * Asserts that an answer is one that the OpenAPI document has for this request, and for what no operation takes, a problem of the parser
   * or the router.
   */
  assertDocumented(method: string, target: string, answer: WireAnswer): void
}

/** What no operation takes: the path, the method, or what the parser could not read. */
const WITHOUT_OPERATION: readonly string[] = [
  'not-found', 'method-not-allowed', 'invalid-request', 'request-timeout', 'payload-too-large', 'uri-too-long', 'headers-too-large',
] satisfies ProblemCode[]

/** @param document the service's own, as it serves it */
export function contractOf({ paths, components }: OpenApi): Contract {
  const schemas = { ...components.schemas }
  const validator = (name: keyof typeof schemas) => Compile(JSON.parse(JSON.stringify(schemas[name])) as object)
  const [problem, transaction, list] = [validator('Problem'), validator('Transaction'), validator('TransactionList')]
  const members = Object.keys((components.schemas.Problem as { properties: object }).properties)

  const assertProblem = (body: Buffer, operation: Operation | undefined): void => {
    const value = JSON.parse(body.toString()) as ProblemAnswer
    assert.ok(problem.Check(value), `no Problem: ${body.toString()}`)
    assert.deepEqual(Object.keys(value).filter((member) => !members.includes(member)), [])
    assert.ok(PROBLEM_CODES.includes(value.code as ProblemCode))
    assertRow(value, value.code as ProblemCode)
    const documented = operation && Object.keys(operation.responses[value.status]?.content['application/problem+json']?.examples ?? {})
    assert.ok((documented ?? WITHOUT_OPERATION).includes(value.code), `${value.code} is not documented here: ${body.toString()}`)
  }
  const assertSuccess = (type: string, body: Buffer): void => {
    if (type === 'application/zip') assert.equal(body.readUInt32BE(0), 0x504b0304)
    if (type !== 'application/json') return
    const value = JSON.parse(body.toString()) as object
    const fits = 'transactions' in value ? list.Check(value) : 'steps' in value ? transaction.Check(value) : true
    assert.ok(fits, `neither Transaction nor TransactionList: ${body.toString().slice(0, 500)}`)
  }

  return {
    assertDocumented(method, target, { status, headers, body }) {
      const path = pathOf(target)
      const operation = path === undefined ? undefined : paths[path]?.[method === 'HEAD' ? 'get' : method.toLowerCase()]
      const type = (headers.get('content-type') ?? '').replace(/;.*/, '')
      assert.notEqual(status, PROBLEMS['internal-error'].status)
      if (operation !== undefined) assert.ok(operation.responses[status]?.content[type], `${status} with ${type} is not documented for ${method} ${path}`)
      if (status < 300) {
        assert.notEqual(operation, undefined, `${method} ${target} is no operation`)
        if (method !== 'HEAD') assertSuccess(type, body)
        return
      }
      assert.equal(headers.get('content-type'), 'application/problem+json')
      if (method === 'HEAD' && body.length === 0) return
      assertProblem(body, operation)
    },
  }
}

/** @returns the path of the document that a target stands for (RFC 9112, section 3.2), or undefined */
function pathOf(target: string): string | undefined {
  const [path = ''] = target.replace(/^https?:\/\/[^/]*(?=\/)/, '').split(/[?#]/, 1)
  try {
    const parts = path.split('/').map(decodeURIComponent)
    // An encoded slash parts nothing: it belongs to the id.
    if (parts.length === 4 && parts[1] === 'v1' && parts[2] === 'attestation-bundles') return `${BUNDLES}/{id}`
    return parts.some((part) => part.includes('/')) ? undefined : parts.join('/')
  } catch {
    return undefined
  }
}
