import type { Measurement, SystemId } from './systems.ts'

/** One measurement in its place. */
export interface Cell extends Measurement {
  readonly system: SystemId
  readonly callers: number
  readonly delayMs: number
  /** Rows that the journal held before; undefined where there is none. */
  readonly rows?: number
  readonly round: number
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = (sorted.length - 1) / 2
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2
}

/** The numbers of a measurement. */
export type Figure = { [K in keyof Cell]-?: Cell[K] extends number | undefined ? K : never }[keyof Cell]
export type Where = Partial<Pick<Cell, 'system' | 'callers' | 'delayMs' | 'rows' | 'round'>>

const matching = (cells: readonly Cell[], where: Where): readonly Cell[] =>
  cells.filter((cell) => Object.entries(where).every(([name, value]) => cell[name as keyof Where] === value))

/** @returns the median over the rounds; undefined where nothing was measured */
export function medianOf(cells: readonly Cell[], where: Where, figure: Figure): number | undefined {
  const values = matching(cells, where).map((cell) => cell[figure]).filter((value) => value !== undefined)
  return values.length === 0 ? undefined : median(values)
}

/**
 * Compares two things round by round, so that what slows the machine for a while slows both, and takes the median of that.
 * @returns undefined where nothing was measured
 */
export function compared(cells: readonly Cell[], one: Where, other: Where, figure: Figure, compare: (one: number, other: number) => number): number | undefined {
  const others = matching(cells, other)
  const pairs = matching(cells, one).flatMap((cell) => {
    const mine = cell[figure]
    const theirs = others.find(({ round }) => round === cell.round)?.[figure]
    return mine === undefined || theirs === undefined ? [] : [compare(mine, theirs)]
  })
  return pairs.length === 0 ? undefined : median(pairs)
}

export const ratio = (one: number, other: number): number => one / other
export const difference = (one: number, other: number): number => one - other
