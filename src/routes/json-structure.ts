import { ProblemError } from '../errors.ts'

/** A request is three levels deep. */
const MOST_LEVELS = 16
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gs

/** An object or array that is open where the scan stands: the names seen so far, and where in it the scan is. */
interface Level {
  readonly names?: Set<string>
  at: string | number
}

/**
 * Refuses what JSON.parse takes without a word: a name that occurs twice (RFC 8259, section 4: which one counts is up to the parser, so two
 * readers of one request could see two requests), a name that reaches a prototype, and depth without end.
 * @param text valid JSON
 * @throws ProblemError `invalid-request`, with a pointer
 */
export function checkStructure(text: string): void {
  const open: Level[] = []
  let string = ''
  for (const [token] of text.matchAll(TOKEN)) {
    const level = open.at(-1)
    if (token === '{' || token === '[') {
      open.push(token === '{' ? { names: new Set(), at: '' } : { at: 0 })
      if (open.length > MOST_LEVELS) throw new ProblemError('invalid-request', `the body is nested more than ${MOST_LEVELS} levels deep`)
    } else if (token === '}' || token === ']') open.pop()
    else if (token === ',' && typeof level?.at === 'number') level.at += 1
    else if (token === ':' && level?.names !== undefined) {
      const name = JSON.parse(string) as string
      level.at = name
      if (name === '__proto__') refuse(open, 'is never allowed')
      if (level.names.has(name)) refuse(open, 'must not be given twice')
      level.names.add(name)
    } else if (token.startsWith('"')) string = token
  }
}

function refuse(open: readonly Level[], detail: string): never {
  const pointer = open.map(({ at }) => `/${String(at).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
  throw new ProblemError('invalid-request', 'the body has a member that is not allowed', { errors: [{ pointer, detail }] })
}
