import type { BundleContent } from './bundle-content.ts'
import { html, nothing, type Markup } from '../html.ts'
import { NOT_PROVEN } from './not-proven.ts'
import { checksSection, countChecks, remarks } from './report-checks.ts'
import { commandsSection } from './report-commands.ts'
import { REPORT_STYLE } from './report-style.ts'
import { attributeName, digest, fingerprint, keyKind, time } from './report-values.ts'

/**
 * `verification-report.html`: the evidence as a registration officer reads it. One page that loads nothing and runs nothing, on screen and on
 * A4. The same content gives the same text.
 * @param content the bundle; a report that did not pass is shown as refused
 * @param options `verifyScriptSha256`: SHA-256 of the `verify.sh` that goes into the bundle, lower-case hex
 */
export function reportPage(content: BundleContent, { verifyScriptSha256 }: { readonly verifyScriptSha256?: string } = {}): string {
  const { label, report } = content
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Key attestation of ${label}: verification report</title>
<style>${REPORT_STYLE}</style>
</head>
<body>
<header>
<p class="kind">Verification report of a key attestation</p>
<h1><bdi>${label}</bdi></h1>
</header>
<main>
${banner(content)}${verdict(content)}
${remarks(report)}${factsSection(content)}
${subjectSection(content)}
${profileSection(content)}
${fingerprintsSection(content)}
${checksSection(report)}
${commandsSection(label, verifyScriptSha256)}
${notProvenSection()}
</main>
${footer(content)}
</body>
</html>
`.markup
}

/** Evidence under any root but the vendor's is worth what that root is worth, and a demo bundle looks like a real one. */
function banner({ report: { facts: { anchor } } }: BundleContent): Markup {
  if (!anchor || anchor.builtIn) return nothing
  return html`<section class="banner" aria-labelledby="banner">
<h2 id="banner">The trust anchor is not the built-in one</h2>
<p>This evidence was verified against a root that the operator of the service named, not against the copy of the vendor’s root that comes with the service.
All that follows is worth as much as this root. Compare its SHA-256 with what the vendor publishes; its name proves nothing.</p>
<p><strong>${anchor.name}</strong><br>${fingerprint(anchor.sha256)}</p>
</section>
`
}

function verdict({ report: { verdict, checks, facts } }: BundleContent): Markup {
  const passed = verdict === 'passed'
  const hsm = facts.hsmSerial === undefined ? 'an HSM whose certificate does not state a serial number in the known form' : `the HSM with serial number ${facts.hsmSerial}`
  const under = facts.anchor?.builtIn === true ? '' : ', provided that the trust anchor above is the vendor’s'
  const warnings = checks.filter(({ outcome }) => outcome === 'warning').length
  const word = passed ? `Passed${warnings === 0 ? '' : warnings === 1 ? ', with a warning' : `, with ${warnings} warnings`}` : 'Refused'
  return html`<section class="verdict" data-outcome="${passed ? 'passed' : 'failed'}" aria-labelledby="verdict">
<h2 id="verdict"><span class="mark" aria-hidden="true">${passed ? '✓' : '✗'}</span> ${word}</h2>
<p class="lead">${passed
    ? `The private key of this certificate request was generated in ${hsm} and cannot leave it${under}.`
    : 'The evidence was refused. Do not issue a certificate on it.'}</p>
<p>${countChecks(checks)} <strong>This page is the sender’s claim:</strong> whoever made the zip could have written anything here. What counts is what you see when you
repeat the checks with your own copy of the vendor’s root; the commands are below.</p>
</section>`
}

function factsSection({ report: { facts } }: BundleContent): Markup {
  const { label, keyKind: kind, publicKeySha256, hsmSerial, createTime, attestTime, keyUseCount, signatureAlgorithm, path } = facts
  const device = path?.[1]
  const unknown = html`<em>not established</em>`
  return html`<section aria-labelledby="key">
<h2 id="key">The key</h2>
<dl>
${row('Label', label === undefined ? unknown : html`<bdi>${label}</bdi>`)}
${row('Kind', kind === undefined ? unknown : html`${keyKind(kind)}`)}
${row('SHA-256 of the public key', publicKeySha256 === undefined ? unknown : digest(publicKeySha256))}
${row('Where it lives', hsmSerial === undefined ? html`<em>the serial number of the HSM was not established</em>` : html`HSM with serial number <strong>${hsmSerial}</strong>`)}
${row('Certificate of the HSM', device === undefined ? unknown : html`${device.name}`)}
${row('Generated', createTime === undefined ? unknown : html`${time(createTime)}, by the clock of the HSM`)}
${row('Attested', attestTime === undefined ? unknown : html`${time(attestTime)}, by the clock of the HSM`)}
${keyUseCount === undefined ? nothing : row('Uses until then', html`${keyUseCount}`)}
${row('Attestation signed with', signatureAlgorithm === undefined ? unknown : html`${signatureAlgorithm}`)}
</dl>
</section>`
}

function row(term: string, value: Markup): Markup {
  return html`<div><dt>${term}</dt><dd>${value}</dd></div>`
}

function subjectSection({ csrSubject }: BundleContent): Markup {
  return html`<section aria-labelledby="subject">
<h2 id="subject">Subject of the CSR</h2>
<p>As it stands in the request. The HSM does not know whose key it holds: that is for you to establish.</p>
<table>
<thead><tr><th scope="col">Attribute</th><th scope="col">Value</th></tr></thead>
<tbody>
${csrSubject.flat().map(({ oid, value }) => html`<tr><th scope="row">${attributeName(oid)}</th><td>${value === undefined ? html`<em>not readable</em>` : html`<bdi>${value}</bdi>`}</td></tr>
`)}</tbody>
</table>
</section>`
}

/** Which rules the checks of the profile are about, and what no rule can check. */
function profileSection({ profile: { name, title, description, comparedOn, notes } }: BundleContent): Markup {
  return html`<section aria-labelledby="profile">
<h2 id="profile">Profile: ${title}</h2>
<p>${description} Its outcomes are the checks <code>profile.…</code> below. This is profile <code>${name}</code>, last compared with its
sources on ${comparedOn}.</p>
${notes.length === 0 ? nothing : html`<ul>
${notes.map(({ text, source }) => html`<li>${text} <small>(${source})</small></li>
`)}</ul>
`}</section>`
}

function fingerprintsSection({ report: { facts: { anchor, path = [] } } }: BundleContent): Markup {
  const certificates = path.slice(0, -1).map((certificate, i) => ({ role: ['Attestation', 'HSM'][i] ?? 'Intermediate', ...certificate }))
  const all = anchor ? [{ role: 'Trust anchor', ...anchor }, ...certificates.reverse()] : certificates.reverse()
  return html`<section aria-labelledby="fingerprints">
<h2 id="fingerprints">Fingerprints to compare</h2>
<p>${anchor?.builtIn === true
    ? 'The trust anchor is the one built into the service: the vendor’s production root as public sources have it. Compare with the vendor’s knowledge base, article 147.'
    : 'The trust anchor is not the one built into the service; see the top of this page. Compare with what the vendor publishes (knowledge base, article 147).'}</p>
<table class="fingerprints">
<thead><tr><th scope="col">Certificate</th><th scope="col">SHA-256 and name</th></tr></thead>
<tbody>
${all.map(({ role, name, sha256 }) => html`<tr><th scope="row">${role}</th><td>${fingerprint(sha256)} <span class="name">${name}</span></td></tr>
`)}</tbody>
</table>
</section>`
}

function notProvenSection(): Markup {
  const alsoNot = [
    { claim: 'that the subject is who asks', reason: 'The subject is what the requester wrote into the CSR.' },
    { claim: 'that this page is true', reason: 'It is the sender’s claim, like every report and script in the zip.' },
  ]
  return html`<section aria-labelledby="not-proven">
<h2 id="not-proven">What this evidence does not prove</h2>
<ul>
${[...NOT_PROVEN, ...alsoNot].map(({ claim, reason }) => html`<li><strong>${claim.replace(/^./, (first) => first.toUpperCase())}.</strong> ${reason}</li>
`)}</ul>
</section>`
}

function footer({ transactionId, startedAt, serviceVersion, report: { verifiedAt } }: BundleContent): Markup {
  return html`<footer>
<h2 id="about">About this report</h2>
<dl>
${row('Transaction', html`<code>${transactionId}</code>`)}
${row('Started', html`${time(startedAt.toISOString())}, by the clock of the service`)}
${row('Verified', html`${time(verifiedAt)}, by the clock of the service`)}
${row('Made by', html`attestation-bundler ${serviceVersion}, report format 1`)}
</dl>
<p>The same report for machines is <code>verification-report.json</code>; the SHA-256 of every file is in <code>manifest.json</code>. A character that cannot be
seen, or that would turn text around, is shown by its number, e.g. ⟨U+202E⟩.</p>
</footer>`
}
