import { ProblemError, type Upstream } from '../errors.ts'

/** What went wrong, as the middle of a sentence. @param error what was thrown */
export function reasonOf(error: unknown): string {
  if (!(error instanceof ProblemError)) return 'the program failed'
  const { upstream } = error.extras
  return upstream === undefined ? error.detail : `${error.detail}${said(upstream)}`
}

/** An answer of the TSB in a few words, e.g. `401, code 631`. */
export const answerIn = ({ status, errorCode }: Upstream): string => (errorCode === undefined ? String(status) : `${status}, code ${errorCode}`)

const said = ({ message, reason }: Upstream): string => (message ?? reason) === undefined ? '' : ` ("${message ?? reason}")`
