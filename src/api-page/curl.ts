import type { MediaType, PlacedOperation } from './api-document.ts'

/** What every command of the page begins its URL with; the page says how to set it. */
export const SERVER_VARIABLE = 'BUNDLER'

/** One word for a POSIX shell, whatever is in it. */
export const quoted = (text: string): string => `'${text.replaceAll('\'', '\'\\\'\'')}'`

/**
 * A command that sends the operation's first example. A parameter of the path is a shell variable, since only the caller knows its own.
 * @returns lines to paste into a shell
 */
export function curl({ path, method, operation: { parameters = [], requestBody, responses } }: PlacedOperation): string {
  const given = parameters.filter(({ example }) => example !== undefined)
  const inPath = given.filter((parameter) => parameter.in === 'path')
  const query = given.filter((parameter) => parameter.in === 'query').map(({ name, example }) => `${name}=${encodeURIComponent(example!)}`)
  // `accept` has a default that its example repeats.
  const headers = given.filter((parameter) => parameter.in === 'header' && parameter.name !== 'accept').map(({ name, example }) => `${name}: ${example}`)
  const target = inPath.reduce((all, { name }) => all.replace(`{${name}}`, `$${variable(name)}`), path)
  const [type, body] = Object.entries(requestBody?.content ?? {})[0] ?? []
  const words = [
    ...method === 'get' || method === 'post' ? [] : [`-X ${method.toUpperCase()}`],
    ...[...type === undefined ? [] : [`content-type: ${type}`], ...headers].map((header) => `-H ${quoted(header)}`),
    ...body === undefined ? [] : [`-d ${quoted(firstExample(body))}`],
    ...Object.values(responses).some(({ content = {} }) => 'application/zip' in content) ? ['-o bundle.zip'] : [],
  ]
  return [
    ...inPath.map(({ name, example }) => `${variable(name)}=${quoted(example!)}`),
    [`curl -sS --fail-with-body "$${SERVER_VARIABLE}${[target, ...query].join('?')}"`, ...words].join(' \\\n  '),
  ].join('\n')
}

const variable = (name: string): string => name.toUpperCase()

function firstExample({ examples = {} }: MediaType): string {
  const [first] = Object.values(examples)
  return JSON.stringify(first?.value, null, 2)
}
