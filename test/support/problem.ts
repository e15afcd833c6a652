import assert from 'node:assert/strict'
import { PROBLEMS, type FieldError, type ProblemCode } from '../../src/errors.ts'

/** A problem as a caller parses it. */
export interface ProblemAnswer {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
  readonly instance?: string
  readonly errors?: readonly FieldError[]
  readonly transaction?: { readonly id: string; readonly step: string; readonly rollback: string }
  readonly upstream?: { readonly status: number; readonly errorCode?: number; readonly reason?: string; readonly message?: string }
  readonly existing?: string
}

/** Asserts that an answer is the problem `code`, with everything that the table of problems says of it. */
export async function problemIn(answer: Response, code: ProblemCode): Promise<ProblemAnswer> {
  const text = await answer.text()
  assert.equal(answer.headers.get('content-type'), 'application/problem+json', text)
  const problem = JSON.parse(text) as ProblemAnswer
  assert.equal(problem.code, code, text)
  assertRow(problem, code)
  assert.equal(answer.status, problem.status)
  assert.equal(answer.headers.get('cache-control'), 'no-store')
  if ('retryAfterSeconds' in PROBLEMS[code]) assert.match(answer.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
  return problem
}

/** Asserts that the members which are fixed per code are those of the table. */
export function assertRow({ type, title, status, code, detail }: ProblemAnswer, expected: ProblemCode): void {
  const row = PROBLEMS[expected]
  assert.deepEqual({ type, title, status, code }, { type: `urn:problem:attestation-bundle:${expected}`, title: row.title,
    status: row.status, code: expected })
  assert.notEqual(detail, '')
}

/** Where the faults are, in the problem's order. */
export const pointersOf = (problem: ProblemAnswer): string[] => (problem.errors ?? []).map(({ pointer }) => pointer)
