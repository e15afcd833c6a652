import { html } from '../html.ts'

/** The style of the API page. System fonts only; what colour says, words say too. `user-select: all` makes one click take a whole command. */
export const API_PAGE_STYLE = html`
:root { --ink: #16202a; --soft: #4a5763; --line: #cbd3da; --field: #f3f5f7; --page: #fff; --link: #0a4f8f; --success: #0b6637; --problem: #8a4600 }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e4e9ee; --soft: #a8b3bd; --line: #3b4650; --field: #1d242b; --page: #13181d; --link: #8fc4ff; --success: #74d6a0; --problem: #f2b562 }
}
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; scroll-padding-top: 1rem }
body {
  max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; color: var(--ink); background: var(--page);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Liberation Sans", sans-serif; overflow-wrap: anywhere;
}
h1, h2, h3, h4 { line-height: 1.25; margin: 0 }
h1 { font-size: 1.9rem; margin-bottom: .75rem }
h2 { font-size: 1.4rem; margin-bottom: .4rem }
h3 { font-size: 1.0625rem; margin: 1.75rem 0 .5rem }
h4 { font-size: 1rem; font-weight: 600 }
p, ul { margin: 0 0 .6rem }
a { color: var(--link) }
code, pre { font: .875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace }
p code, summary code, td code, th code { padding: 0 .2em; background: var(--field) }
.route code, a code { padding: 0; background: none }
.kind { margin: 0 0 .15rem; color: var(--soft) }
nav { margin: 1.5rem 0 0; padding: 1rem 1.25rem .5rem; background: var(--field); border: 1px solid var(--line) }
nav ul { margin: 0; padding: 0; list-style: none }
nav li { margin-bottom: .35rem }
nav span { color: var(--soft) }
main > section { margin-top: 3rem; padding-top: 1.5rem; border-top: 2px solid var(--ink) }
.route { font-size: 1.125rem; font-weight: 600 }
pre { margin: 0 0 .75rem; padding: .75rem .9rem; background: var(--field); border: 1px solid var(--line); white-space: pre-wrap; -webkit-user-select: all; user-select: all }
.members { padding: 0; list-style: none; border-top: 1px solid var(--line) }
.members .members { margin: .35rem 0 0 .25rem; padding-left: .9rem; border-top: 0; border-left: 3px solid var(--line) }
.members > li { padding: .5rem 0; border-bottom: 1px solid var(--line) }
.members .members > li:last-child { border-bottom: 0; padding-bottom: 0 }
.members p { margin: 0 }
.name { font: 600 .9375em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace }
.type, .rule { color: var(--soft); font-size: .9375rem }
.required { color: var(--problem); font-size: .9375rem; font-style: normal; font-weight: 600 }
.answer { --edge: var(--success); margin: 0 0 1rem; padding: .6rem 0 .1rem 1rem; border-left: .3rem solid var(--edge) }
.answer[data-kind=problem] { --edge: var(--problem) }
.answer .rule { margin-bottom: .25rem }
.status { display: inline-block; min-width: 2.5rem; color: var(--edge); font-weight: 700 }
h4 a { font-weight: 400 }
details { margin: .35rem 0 .5rem }
summary { cursor: pointer; padding: .1rem 0 }
details > pre { margin-top: .35rem }
table { width: 100%; border-collapse: collapse }
th, td { padding: .45rem .75rem .45rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; font-weight: inherit }
thead th { overflow-wrap: normal; color: var(--soft); font-size: .875rem; border-bottom: 2px solid var(--ink) }
td:first-child { width: 4rem }
tbody th { width: 16rem }
:target { background: var(--field) }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px }
@media (max-width: 40rem) {
  body { padding: 1.25rem 1rem 3rem }
  h1 { font-size: 1.5rem }
  nav { padding: .8rem .9rem .3rem }
  nav span { display: block }
  tbody th { width: 8.5rem }
  td:first-child { width: 3.75rem }
  pre { padding: .6rem .7rem; font-size: .8125rem }
}
@page { size: A4; margin: 16mm 16mm 18mm; @bottom-right { content: "Page " counter(page) " of " counter(pages); font: 8pt sans-serif } }
@media print {
  :root { --ink: #000; --soft: #222; --line: #888; --field: #fff; --page: #fff; --link: #000; --success: #000; --problem: #000 }
  html { font-size: 9pt }
  body { max-width: none; padding: 0; line-height: 1.35 }
  main > section { margin-top: 8mm; padding-top: 4mm }
  h1 { font-size: 18pt }
  h2, h3, h4, .route, summary { break-after: avoid }
  p, tr { break-inside: avoid }
  details::details-content { content-visibility: visible; height: auto; display: block }
}
`
