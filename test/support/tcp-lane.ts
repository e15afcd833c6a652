import type { Socket } from 'node:net'

/** One direction of a connection, which can stand still without either side being told. */
export interface Lane {
  /** Passes bytes on, or keeps them while the lane stands still. */
  send(bytes: Buffer): void
  hold(): void
  /** Goes on, with what was kept. */
  release(): void
  /** Passes on what was kept, unless the lane still stands. */
  flush(): void
  /** Forgets what was kept. */
  drop(): void
}

/**
 * Opens a lane between two sockets. The end of one side follows what was kept to the other, and comes after it.
 * @param frozen whether all lanes stand still
 * @param read gets what comes, and sends what is to be passed on
 */
export function openLane(from: Socket, to: Socket, frozen: () => boolean, read: (chunk: Buffer) => void): Lane {
  let kept: Buffer[] = []
  let held = false
  let ended = false
  const flush = (): void => {
    if (held || frozen()) return
    for (const bytes of kept) if (to.writable) to.write(bytes)
    kept = []
    if (ended) to.end()
  }
  const end = (): void => {
    ended = true
    flush()
  }
  from.on('data', read)
  from.once('end', end)
  from.once('close', end)
  // A reset is an end like any other: `close` follows.
  from.on('error', () => undefined)
  return {
    send(bytes) {
      kept.push(bytes)
      flush()
    },
    hold: () => { held = true },
    release: () => {
      held = false
      flush()
    },
    flush,
    drop: () => { kept = [] },
  }
}
