import { CALL_NAMES, type CallName } from './calls.ts'
import type { Fault } from './faults.ts'

/** Kinds that need nothing said but their name; a test may use all of them, the command line these and `slow`. */
const PLAIN = ['reset-before', 'reset-after', 'hang-before', 'hang-after', 'unauthorized-bare', 'not-found-bare', 'hsm-error', 'unavailable', 'empty-body', 'garbage',
  'truncated-body', 'wrong-content', 'html', 'huge'] as const

/**
 * Reads one `--fault` of the command line.
 * @param text JSON with `call`, `kind`, with `slow` also `delayMs` in milliseconds, and if wanted `label`, the beginning of the labels that it meets
 * @returns a fault that meets every such call
 * @throws Error that names what is wrong with it
 */
export function readFault(text: string): { readonly call: CallName; readonly label: string; readonly fault: Fault } {
  const { call, kind, label = '', delayMs, ...unknown } = parse(text)
  const [extra] = Object.keys(unknown)
  if (extra !== undefined) throw new Error(`--fault has no member ${extra}.`)
  const known = CALL_NAMES.find((name) => name === call)
  if (known === undefined) throw new Error(`--fault: call must be one of ${CALL_NAMES.join(', ')}.`)
  if (typeof label !== 'string') throw new Error('--fault: label must be a string.')
  if (kind === 'slow') {
    if (typeof delayMs !== 'number' || !(delayMs > 0)) throw new Error('--fault: slow needs delayMs, in milliseconds.')
    return { call: known, label, fault: { kind, delayMs, times: Infinity } }
  }
  const plain = PLAIN.find((name) => name === kind)
  if (plain === undefined) throw new Error(`--fault: kind must be one of slow, ${PLAIN.join(', ')}.`)
  if (delayMs !== undefined) throw new Error('--fault: delayMs belongs to slow.')
  return { call: known, label, fault: { kind: plain, times: Infinity } }
}

function parse(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('--fault must be a JSON object.')
  return value as Record<string, unknown>
}
