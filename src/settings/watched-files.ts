import { readFileSync } from 'node:fs'

/** Looking more often than this costs more than anybody gains. */
const LOOK_EVERY_MS = 1_000

export interface WatchedFiles<T> {
  /** What the files say: the last content that was usable. Looks at them at most once a second. */
  current(): T
  /** Looks at them now. */
  look(): void
}

export interface Watch<T> {
  readonly paths: readonly string[]
  /** Their content when the settings were read. */
  readonly first: readonly string[]
  /** Makes the value of all contents, in the order of `paths`. What it throws is logged: the message must hold no secret. */
  parse(contents: readonly string[]): T
  now(): Date
  /** They changed, and the new content is in force. */
  changed?(value: T): void
  /** They changed to what cannot be used: the last good content stays in force. Said once for each change. */
  failed(reason: string): void
}

/**
 * Reads files again when their content changes. They are looked at when they are used: mounted secrets are replaced by moving a symbolic
 * link, which `fs.watch` does not see on every file system. Contents are compared, not times: the files are small, and two writes within
 * one tick of a file system's clock look the same from outside.
 * @throws whatever `parse` throws of the first content
 */
export function watchFiles<T>({ paths, first, parse, now, changed, failed }: Watch<T>): WatchedFiles<T> {
  let value = parse(first)
  let seen: unknown = JSON.stringify(first)
  let lookedAt = now().getTime()

  const look = (): void => {
    let state: string
    let contents: readonly string[] = []
    try {
      contents = paths.map((path) => readFileSync(path, 'utf8'))
      state = JSON.stringify(contents)
    } catch (error) {
      state = `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`
    }
    if (state === seen) return
    seen = state
    try {
      if (contents.length === 0) throw new Error(state)
      value = parse(contents)
    } catch (error) {
      failed(error instanceof Error ? error.message : 'unusable')
      return
    }
    changed?.(value)
  }

  return {
    look,
    current() {
      const at = now().getTime()
      // A clock that was set back must not stop the looking.
      if (Math.abs(at - lookedAt) >= LOOK_EVERY_MS) {
        lookedAt = at
        look()
      }
      return value
    },
  }
}
