import { html } from '../html.ts'

/**
 * The style of the report page. System fonts only; it works without colour, which is why outcomes are words and borders. `ch` is the width of a
 * digit: a fingerprint line of 49 holds sixteen bytes.
 */
export const REPORT_STYLE = html`
:root { --ink: #16202a; --soft: #4a5763; --line: #cbd3da; --field: #f3f5f7; --page: #fff; --passed: #0b6637; --warning: #8a4600; --failed: #a3161b }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e4e9ee; --soft: #a8b3bd; --line: #3b4650; --field: #1d242b; --page: #13181d; --passed: #74d6a0; --warning: #f2b562; --failed: #ff938c }
}
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100% }
body {
  max-width: 58rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; color: var(--ink); background: var(--page);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Liberation Sans", sans-serif; overflow-wrap: anywhere;
}
h1, h2, h3 { line-height: 1.25; margin: 0 }
h1 { font-size: 1.9rem }
h2 { font-size: 1.3rem; margin-bottom: .6rem }
h3 { font-size: 1rem; margin-bottom: .3rem }
p, ul, ol, dl { margin: 0 0 .75rem }
code, pre { font: .875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace }
.kind { margin: 0 0 .15rem; color: var(--soft) }
header { margin-bottom: 1.5rem }
main > section, footer { margin-top: 2.5rem }
main > section:first-child { margin-top: 0 }
.verdict, .banner, .remarks, .note { border: 1px solid var(--edge); border-left-width: .5rem; padding: 1rem 1.25rem .35rem }
main > .verdict, main > .remarks { margin-top: 1rem }
.verdict { --edge: var(--passed) }
.verdict[data-outcome=failed], .remarks[data-outcome=failed] { --edge: var(--failed) }
.verdict h2 { font-size: 1.6rem; color: var(--edge) }
.lead { font-size: 1.125rem; font-weight: 600 }
.remarks { --edge: var(--warning) }
.remarks h2, .banner h2 { color: var(--edge) }
.remarks ul { padding-left: 1.1rem }
.banner { --edge: var(--failed); border-width: 3px; border-left-width: .5rem }
.note { --edge: var(--line); margin-top: 1.5rem }
dl > div { display: grid; grid-template-columns: 14rem 1fr; gap: 0 1rem; padding: .4rem 0; border-bottom: 1px solid var(--line) }
dl > div:first-child { border-top: 1px solid var(--line) }
dt { color: var(--soft) }
dd { margin: 0 }
table { width: 100%; border-collapse: collapse; margin-bottom: .75rem }
th, td { padding: .45rem .75rem .45rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; font-weight: inherit }
th:last-child, td:last-child { padding-right: 0 }
thead th { color: var(--soft); font-size: .875rem; border-bottom: 2px solid var(--ink) }
tbody th[scope=row] { width: 15rem; padding-right: 1rem; color: var(--soft) }
.name { display: block; color: var(--soft); font-size: .875rem }
.sum { display: inline-block; max-width: 49ch; overflow-wrap: normal }
.sum.plain { max-width: none }
.checks td:first-child, .checks thead th:first-child { width: 7.5rem; white-space: nowrap }
.group th { padding: 1.25rem 0 .5rem }
.group .title { display: block; font-weight: 700 }
.group .how { color: var(--soft); font-size: .9375rem }
.check { display: grid; grid-template-columns: 14.5rem 1fr; gap: 0 1rem; align-items: baseline }
.id { font-weight: 600 }
.mark { display: inline-block; width: 1.1em; font-weight: 700 }
.outcome { color: var(--passed) }
.outcome[data-outcome=warning] { color: var(--warning); font-weight: 700 }
.outcome[data-outcome=failed] { color: var(--failed); font-weight: 700 }
.outcome[data-outcome=skipped] { color: var(--soft) }
.steps { padding-left: 1.75rem }
.steps > li { margin-bottom: 1.4rem }
.steps > li::marker { font-weight: 700 }
.steps p { margin-bottom: .4rem }
pre { margin: 0 0 .4rem; padding: .6rem .75rem; background: var(--field); border: 1px solid var(--line); white-space: pre-wrap }
pre .line { display: block; padding-left: 2ch; text-indent: -2ch }
pre .word { display: inline-block; max-width: 100%; text-indent: 0 }
li { margin-bottom: .35rem }
@media (max-width: 40rem) {
  body { padding: 1.25rem 1rem 3rem }
  h1 { font-size: 1.5rem }
  dl > div, .check { grid-template-columns: 1fr }
  tbody th[scope=row] { width: 8rem }
  .checks td:first-child, .checks thead th:first-child { width: 6.75rem }
  .checks td { padding-right: 0 }
  .verdict, .banner, .remarks, .note { padding: .8rem .9rem .1rem }
  .steps { padding-left: 1.5rem }
}
@page { size: A4; margin: 16mm 16mm 18mm; @bottom-right { content: "Page " counter(page) " of " counter(pages); font: 8pt sans-serif } }
@media print {
  :root { --ink: #000; --soft: #222; --line: #888; --field: #fff; --page: #fff; --passed: #000; --warning: #000; --failed: #000 }
  html { font-size: 9.5pt }
  body { max-width: none; padding: 0; line-height: 1.4 }
  main > section, footer { margin-top: 7mm }
  h1 { font-size: 18pt }
  h2 { font-size: 13pt }
  .verdict h2 { font-size: 16pt }
  .lead { font-size: 11pt }
  .kind, h1, h2, h3, h2 + p, .group, .missing { break-after: avoid }
  p, tr, li, dl > div, pre, .verdict, .banner, .note { break-inside: avoid }
  .group th { padding-top: 4mm }
}
`
