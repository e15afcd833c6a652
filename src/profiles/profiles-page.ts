import type { Profile } from './profile-schema.ts'
import { describeRule, profileOf, PROFILE_NAMES } from './profiles.ts'

/** Between these lines, `docs/profiles.md` is written by `npm run profiles`. */
export const BEGIN = '<!-- from src/profiles/*.json, written by npm run profiles -->'
export const END = '<!-- end -->'

/**
 * Puts the profiles as they are into the page about them.
 * @param page the text of `docs/profiles.md`
 * @returns the same text with the part between the two marks made anew
 * @throws Error where the marks are missing
 */
export function withProfiles(page: string): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin === -1 || end < begin) throw new Error(`the page needs the lines ${BEGIN} and ${END}`)
  const profiles = PROFILE_NAMES.map(profileOf)
  const overview = profiles.map(({ name, title, description }) => `| [\`${name}\`](#${name}) | ${cell(title)} | ${cell(description)} |`)
  const table = ['| profile | for | |', '|---|---|---|', ...overview].join('\n')
  return `${page.slice(0, begin)}${BEGIN}\n\n${table}\n\n${profiles.map(sectionOf).join('\n\n')}\n\n${page.slice(end)}`
}

function sectionOf({ name, title, description, comparedOn, rules, notes }: Profile): string {
  const rows = rules.map((rule) => {
    const cells = [rule.severity, describeRule(rule), rule.reason, rule.source, `\`profile.${rule.rule}\``]
    return `| ${cells.map(cell).join(' | ')} |`
  })
  return [
    `### ${name}`,
    '',
    `${title}. ${description} Last compared with its sources on ${comparedOn}.`,
    '',
    '| | rule | why | source | check |',
    '|---|---|---|---|---|',
    ...rows,
    ...(notes.length === 0 ? [] : ['', ...notes.map(({ text, source }) => `- ${text} (${source})`)]),
  ].join('\n')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
