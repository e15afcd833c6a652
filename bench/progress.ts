import { styleText } from 'node:util'

export interface Progress {
  /** Begins a part of the whole. */
  part(title: string): void
  /** Does a step that was planned to take so long. @param about what is shown once it is done, behind its name */
  step<T>(name: string, plannedMs: number, work: () => Promise<T>, about?: (result: T) => string): Promise<T>
  done(): void
}

const WIDTH = 24

/** Where it is said. */
export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

/**
 * Says on standard error how far it is: a terminal has one line at the bottom that moves, a pipe gets a line for each step.
 * @param plannedMs all steps together
 * @param colour whether it may have terminal colours
 */
export function openProgress(stream: Output, plannedMs: number, colour: boolean): Progress {
  const moves = stream.isTTY === true
  const bold = (text: string): string => (colour ? styleText('bold', text, { validateStream: false }) : text)
  const begin = performance.now()
  let planned = 0
  let bottom = ''

  const write = (line: string): void => {
    stream.write(moves ? `\r\x1b[K${line}\n${bottom}` : `${line}\n`)
  }
  const show = (name: string, running: number): void => {
    if (!moves) return
    const part = Math.min(1, (planned + running) / plannedMs)
    const done = Math.round(part * WIDTH)
    const left = Math.max(0, Math.ceil((plannedMs - planned - running) / 60_000))
    bottom = `${'█'.repeat(done)}${'░'.repeat(WIDTH - done)} ${String(Math.round(part * 100)).padStart(3)} %  about ${left} min left  ${name}`.slice(0, (stream.columns ?? 80) - 1)
    stream.write(`\r\x1b[K${bottom}`)
  }
  return {
    part(title) {
      write(bold(`› ${title}`))
    },
    async step(name, plannedMs, work, about) {
      const start = performance.now()
      show(name, 0)
      const timer = setInterval(() => { show(name, Math.min(plannedMs, performance.now() - start)) }, 250)
      try {
        const result = await work()
        planned += plannedMs
        bottom = ''
        if (about) write(`  ${name.padEnd(44)} ${about(result)}`)
        return result
      } finally {
        clearInterval(timer)
      }
    },
    done() {
      bottom = ''
      write(bold(`› done in ${Math.round((performance.now() - begin) / 1_000)} s`))
    },
  }
}
