import { styleText } from 'node:util'

type Style = 'green' | 'red' | 'yellow' | 'gray'

const MARKS: Readonly<Record<string, readonly [string, Style]>> = {
  passed: ['✓', 'green'], failed: ['✗', 'red'], warning: ['!', 'yellow'], skipped: ['–', 'gray'],
}

/**
 * A list of checks for a person at a terminal, one line each, aligned.
 * @param checks as they stand in a report; a `hint` gets a line of its own
 * @param colour whether the output may have terminal colours
 */
export function showChecks(checks: readonly { readonly id: string; readonly outcome: string; readonly detail: string; readonly hint?: string }[], colour: boolean): string {
  const width = Math.max(...checks.map(({ id }) => id.length))
  return checks.map(({ id, outcome, detail, hint }) => {
    const [mark, style] = MARKS[outcome] ?? ['?', 'red']
    const line = `  ${colour ? styleText(style, mark, { validateStream: false }) : mark} ${id.padEnd(width)}  ${detail}`
    return hint === undefined ? line : `${line}\n${' '.repeat(width + 6)}→ ${hint}`
  }).join('\n')
}

/** Whether a person who can see colours is looking: a terminal, and no NO_COLOR. */
export function wantsColour(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && stream.hasColors()
}
