import { styleText } from 'node:util'
import type { Diagnosis } from '../doctor/diagnosis.ts'
import { clean } from '../evidence/text.ts'
import { showChecks } from './show-checks.ts'

const TITLES = {
  works: ['green', 'WORKS', 'a bundle was made, verified and taken back'],
  fails: ['red', 'DOES NOT WORK', 'no bundle could be made, verified and taken back'],
  interrupted: ['yellow', 'INTERRUPTED', 'nothing can be said of what was not tried'],
} as const

/** What the findings are about, by the first word of their ids. */
const SECTIONS: readonly (readonly [title: string, ids: readonly string[]])[] = [
  ['TSB', ['tsb']], ['Credentials', ['credentials']], ['A throw-away bundle', ['bundle']], ['Taking it back', ['key', 'label']], ['HSM and export', ['hsm', 'export']],
]

/**
 * A diagnosis for a person at a terminal.
 * @param colour whether the output may have terminal colours
 */
export function showDiagnosis({ verdict, tsb, findings, evidence, left, notFoundOut }: Diagnosis, colour: boolean): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string): string => (colour ? styleText(style, text, { validateStream: false }) : text)
  const [style, title, meaning] = TITLES[verdict]
  const sections = SECTIONS.map(([name, ids]) => [name, findings.filter(({ id }) => ids.includes(id.split('.')[0]!))] as const)
  return [
    `${paint(style, title)}  ${paint('bold', clean(tsb.url))}: ${meaning}`,
    ...(left === undefined ? [] : ['', paint('red', showLeft(left))]),
    ...sections.filter(([, own]) => own.length > 0).flatMap(([name, own]) => ['', paint('bold', name), showChecks(own, colour)]),
    ...(evidence.length === 0 ? [] : ['', paint('bold', `Evidence: ${evidence.length} checks`), showChecks(evidence, colour)]),
    '',
    paint('bold', 'Not found out'),
    ...notFoundOut.map((each) => `  – ${each}`),
    '',
  ].join('\n')
}

/** What has to be said loudest. */
export function showLeft({ label, reason }: { readonly label: string; readonly reason: string }): string {
  return `A KEY MAY BE LEFT AT THE HSM: label ${label} (${reason}). It has no password; docs/doctor.md says how to delete it.`
}
