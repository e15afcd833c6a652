/** Writes that the journal did not take, tried again until it does: "the row is settled later" (design: "Journal failing"). */
export interface Unwritten {
  /** Runs `write` now, and again at each `retry` until it does not throw any more. */
  add(id: string, write: () => Promise<void>): Promise<void>
  retry(): Promise<void>
  /** The rows that wait: this process still holds them. */
  ids(): readonly string[]
}

/**
 * @param failed is told once of each write that has to wait
 * @param done is told when it got through
 */
export function openUnwritten(failed: (id: string, error: unknown) => void, done: (id: string) => void): Unwritten {
  const waiting = new Map<string, () => Promise<void>>()
  return {
    async add(id, write) {
      try {
        await write()
      } catch (error) {
        waiting.set(id, write)
        failed(id, error)
      }
    },
    async retry() {
      for (const [id, write] of waiting) {
        try {
          await write()
        } catch {
          // The journal is still away, and the others would wait for it as well; or it takes this one never, and the others go first.
          waiting.delete(id)
          waiting.set(id, write)
          return
        }
        waiting.delete(id)
        done(id)
      }
    },
    ids: () => [...waiting.keys()],
  }
}
