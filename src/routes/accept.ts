import { ProblemError } from '../errors.ts'

interface MediaRange {
  readonly type: string
  readonly weight: number
}

/**
 * Chooses between the two representations of a transaction (RFC 9110, section 12.5.1). The zip is the default; JSON has to be preferred by a
 * strictly higher weight.
 * @param accept the Accept header, if any
 * @throws ProblemError `not-acceptable` where neither may be sent
 */
export function chooseRepresentation(accept: string | undefined): 'zip' | 'json' {
  if (accept === undefined || accept.trim() === '') return 'zip'
  const ranges = accept.split(',').map(readRange).filter((range) => range !== undefined)
  const zip = weightOf('application/zip', ranges)
  const json = weightOf('application/json', ranges)
  if (zip === 0 && json === 0) throw new ProblemError('not-acceptable', 'this resource is application/zip or application/json')
  return json > zip ? 'json' : 'zip'
}

function readRange(text: string): MediaRange | undefined {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  const q = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1'
  if (!/^[^\s/]+\/[^\s/]+$/.test(type) || !/^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(q)) return undefined
  return { type, weight: Number(q) }
}

/** The most specific range that fits decides, whatever its weight. */
function weightOf(type: string, ranges: readonly MediaRange[]): number {
  for (const candidate of [type, 'application/*', '*/*']) {
    const fitting = ranges.filter((range) => range.type === candidate)
    if (fitting.length > 0) return Math.max(...fitting.map((range) => range.weight))
  }
  return 0
}
