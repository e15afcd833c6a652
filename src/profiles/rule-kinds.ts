import { IDENTIFIER_RULES } from './identifier-rules.ts'
import { KEY_RULES } from './key-rules.ts'
import type { RuleKind } from './rule.ts'
import { SUBJECT_RULES } from './subject-rules.ts'
import { USAGE_RULES } from './usage-rules.ts'

/** Every kind of rule that a profile can have, by its name in the file; the check in a report is `profile.` and the name. */
export const RULE_KINDS: Readonly<Record<string, RuleKind>> = { ...KEY_RULES, ...SUBJECT_RULES, ...IDENTIFIER_RULES, ...USAGE_RULES }

export const RULE_NAMES: readonly string[] = Object.keys(RULE_KINDS)
