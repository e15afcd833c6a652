/** Pauses between the tries of one undo while its caller waits, in milliseconds. */
export const QUICK_PAUSES = [250, 1_000]
/** Pauses between later tries, by whichever replica comes first. */
const SLOW_PAUSES = [2_000, 5_000, 15_000, 30_000, 60_000]

/** The time that one try at an undo has. A caller who leaves does not end it. */
export const UNDO_BUDGET_MS = 20_000

/** @returns how long to wait after so many tries, in milliseconds */
export const pauseAfter = (tries: number): number => SLOW_PAUSES[Math.min(tries, SLOW_PAUSES.length - 1)]!
