import type { CheckResult, EvidenceReport, Outcome } from '../evidence/evidence.ts'
import { html, nothing, type Markup } from '../html.ts'

/** Never by colour alone: on paper and for many eyes there is none. */
const OUTCOMES: Readonly<Record<Outcome, { readonly mark: string; readonly word: string }>> = {
  passed: { mark: '✓', word: 'passed' },
  failed: { mark: '✗', word: 'failed' },
  warning: { mark: '!', word: 'warning' },
  skipped: { mark: '–', word: 'not run' },
}

/** The first part of a check's id, in the order of the checks, and how they were made. */
const GROUPS: readonly { readonly prefix: string; readonly title: string; readonly how: string }[] = [
  { prefix: 'archive', title: 'Archive', how: 'The zip of the attestation export, read within narrow limits: all parts are there, each once, and nothing hides in it.' },
  {
    prefix: 'chain', title: 'Certificate chain',
    how: 'From the attestation certificate over the certificate of the HSM to a trust anchor that is pinned by its SHA-256. Nothing from the zip is trusted.',
  },
  {
    prefix: 'signature', title: 'Signature of the attestation',
    how: 'Over the exact bytes of the attestation, under the key of the attestation certificate and not the key file beside it.',
  },
  { prefix: 'key', title: 'Key', how: 'What the HSM says of the key, read from the signed attestation and compared with what was requested.' },
  { prefix: 'csr', title: 'Certificate request (CSR)', how: 'Its signature, its key against the attested key, and its content against what was requested.' },
  {
    prefix: 'profile', title: 'Profile',
    how: 'What the chosen kind of certificate, or one certification authority, asks of the key and the CSR that came back.',
  },
  { prefix: '', title: 'Other', how: 'Checks of no group above.' },
]

/** @returns an outcome as its mark and its word */
export function outcomeOf(outcome: Outcome): Markup {
  const { mark, word } = OUTCOMES[outcome]
  return html`<span class="outcome" data-outcome="${outcome}"><span class="mark" aria-hidden="true">${mark}</span> ${word}</span>`
}

/** @returns how many checks had which outcome, e.g. `26 checks: 24 passed, 2 passed with a warning.` */
export function countChecks(checks: readonly CheckResult[]): string {
  const count = (outcome: Outcome): number => checks.filter((check) => check.outcome === outcome).length
  if (count('passed') === checks.length) return `All ${checks.length} checks passed.`
  const parts = [
    `${count('passed')} passed`,
    ...(count('warning') > 0 ? [`${count('warning')} passed with a warning`] : []),
    ...(count('failed') > 0 ? [`${count('failed')} failed`] : []),
    ...(count('skipped') > 0 ? [`${count('skipped')} not run`] : []),
  ]
  return `${checks.length} checks: ${parts.join(', ')}.`
}

/** The checks that did not simply pass, where a reader sees them first. */
export function remarks({ checks }: EvidenceReport): Markup {
  const list = (outcome: Outcome, id: string, title: string): Markup => {
    const found = checks.filter((check) => check.outcome === outcome)
    if (found.length === 0) return nothing
    return html`<section class="remarks" data-outcome="${outcome}" aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
<ul>
${found.map((check) => html`<li><code class="id">${check.id}</code> ${check.detail}</li>\n`)}</ul>
</section>
`
  }
  return html`${list('failed', 'failed', 'Failed')}${list('warning', 'warnings', 'Warnings')}`
}

/** Every check in its group: outcome, id and what was found. */
export function checksSection({ checks }: EvidenceReport): Markup {
  return html`<section aria-labelledby="checks">
<h2 id="checks">What was checked, and how</h2>
<p>${countChecks(checks)}</p>
<table class="checks">
<thead><tr><th scope="col">Outcome</th><th scope="col">Check and what was found</th></tr></thead>
${grouped(checks).map(({ title, how, members }) => html`<tbody>
<tr class="group"><th scope="rowgroup" colspan="2"><span class="title">${title}</span> <span class="how">${how}</span></th></tr>
${members.map(({ id, outcome, detail }) => html`<tr><td>${outcomeOf(outcome)}</td><td><div class="check"><code class="id">${idThatBreaks(id)}</code> <span>${detail}</span></div></td></tr>
`)}</tbody>
`)}</table>
</section>`
}

function grouped(checks: readonly CheckResult[]): { title: string; how: string; members: CheckResult[] }[] {
  const prefixOf = ({ id }: CheckResult): string => {
    const prefix = id.split('.')[0]!
    return GROUPS.some((group) => group.prefix === prefix) ? prefix : ''
  }
  return GROUPS
    .map(({ prefix, title, how }) => ({ title, how, members: checks.filter((check) => prefixOf(check) === prefix) }))
    .filter(({ members }) => members.length > 0)
}

function idThatBreaks(id: string): Markup[] {
  return id.split('.').map((part, i) => (i === 0 ? html`${part}` : html`.<wbr>${part}`))
}
