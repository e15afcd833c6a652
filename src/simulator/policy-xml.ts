import { element, indent } from './attestation-xml.ts'

const rules = [['ruleUse', 'rule_use'], ['ruleBlock', 'rule_block'], ['ruleUnblock', 'rule_unblock'], ['ruleModify', 'rule_modify']] as const

type Json = Readonly<Record<string, unknown>>

const json = (value: unknown): Json => typeof value === 'object' && value !== null ? value as Json : {}
const list = (value: unknown): Json[] => Array.isArray(value) ? value.map(json) : []
const text = (value: unknown): string => typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''

const block = (name: string, attributes: Readonly<Record<string, string>>, lines: readonly string[]): string[] => {
  const [open, close] = element(name, '', attributes).split('></')
  return [`${open ?? ''}>`, ...indent(lines), `</${close ?? ''}`]
}

/** Tells whether any rule of an SKA policy asks for an approval. */
export const hasRules = (policy: Json): boolean => rules.some(([field]) => list(json(policy[field])['tokens']).length > 0)

/** Writes the content of `<policy>` for an SKA key (contract 4.6.2). */
export function policyLines(policy: Json): string[] {
  const blocked = json(policy['keyStatus'])['blocked'] === true
  return [
    ...block('key_status', {}, [element('blocked', blocked)]),
    ...rules.flatMap(([field, name]) => {
      const tokens = list(json(policy[field])['tokens'])
      return tokens.length === 0 ? [] : block(name, {}, tokens.flatMap(tokenLines))
    }),
  ]
}

const tokenLines = (token: Json): string[] => block('token', { name: text(token['name']) }, [
  element('timelock', text(token['timelock'])),
  element('timeout', text(token['timeout'])),
  ...list(token['groups']).flatMap((group) => block('group', { name: text(group['name']) }, [
    element('quorum', text(group['quorum'])),
    ...list(group['approvals']).map((approval) =>
      element('approval', text(approval['value']), { type: text(approval['type']), name: text(approval['name']) })),
  ])),
])
