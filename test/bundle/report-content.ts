import type { BundleContent } from '../../src/bundle/bundle-content.ts'
import type { CheckResult } from '../../src/evidence/evidence.ts'
import { LABEL, verifyCase } from '../evidence/good-case.ts'

const profile: CheckResult = { id: 'profile.key-strength', outcome: 'passed', detail: 'profile tsb-default: no objection to the algorithm and size of the key' }

/** What the service packs after a flawless transaction under the simulator's root. */
export async function content(profiles: readonly CheckResult[] = [profile], useCount = 1): Promise<BundleContent> {
  const { report, evidence, files } = await verifyCase({ useCount, input: { extraChecks: () => profiles } })
  return {
    label: LABEL, transactionId: '0198f2a1-7c3e-7b1a-9d55-2f6f0c1c7e10', startedAt: new Date('2026-03-24T10:00:00.500Z'),
    profile: {
      name: 'tsb-default', title: 'What the tutorial asks', description: 'Takes what the TSB takes.', comparedOn: '2026-11-23',
      notes: [{ text: 'Choose the profile of the certificate that you want.', source: 'the tutorial' }],
    },
    files: files!, report, csrSubject: evidence.csr!.subject, serviceVersion: '0.1.0',
  }
}

export const good = await content()

/** Warnings of two profile rules and of one check. */
export const warned = await content([
  { id: 'profile.key-strength', outcome: 'warning', detail: 'RSA-2048: RSA below 3000 bits lost its suitability for qualified signatures and seals at the end of 2025 (SOG-IS ACM 1.3)' },
  { id: 'profile.extended-key-usage', outcome: 'warning', detail: 'ANY_EXTENDED_KEY_USAGE: the TSB marks the extended key usage critical, and CAs refuse a critical anyExtendedKeyUsage' },
  { ...profile, id: 'profile.subject' },
], 3)

/** As production has it. Its evidence is the simulator's, which nobody can sign under the vendor's root. */
export const builtInAnchor: BundleContent = {
  ...good,
  report: {
    ...good.report,
    facts: {
      ...good.report.facts,
      anchor: {
        name: 'CN=PRIMUS_HSM_ROOTKEY, C=CH, L=Zurich, O=Securosys, ST=ZH', builtIn: true,
        sha256: 'd2c93d8f69bc8d624e37f25b9e6e7bec41761aab864c94f379361b9b78a9db97',
      },
    },
  },
}

/** Roughly what a reader sees: no tags, entities read, blanks as one. */
export function textOf(page: string): string {
  return unescape(page.slice(page.indexOf('<body>')).replaceAll('<wbr>', '').replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ').replace(/ ([.,:;])/g, '$1')
}

export function unescape(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&#39;', '\'').replaceAll('&amp;', '&')
}
