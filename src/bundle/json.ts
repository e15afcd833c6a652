/** JSON as files of a bundle hold it: indented, one line feed at the end. */
export function json(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`)
}
