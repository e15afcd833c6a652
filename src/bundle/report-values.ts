import { html, type Markup } from '../html.ts'

/** SEC 2 and RFC 5639 names of the curves that the evidence checks let pass. */
const CURVES: Readonly<Record<string, string>> = {
  '1.2.840.10045.3.1.7': 'P-256', '1.3.132.0.34': 'P-384', '1.3.132.0.35': 'P-521', '1.3.132.0.10': 'secp256k1',
  '1.3.36.3.3.2.8.1.1.7': 'brainpoolP256r1', '1.3.36.3.3.2.8.1.1.11': 'brainpoolP384r1', '1.3.36.3.3.2.8.1.1.13': 'brainpoolP512r1',
}

/** X.520 and RFC 2985, as registration officers know them. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'Common name (CN)', '2.5.4.4': 'Surname (SN)', '2.5.4.5': 'Serial number', '2.5.4.6': 'Country (C)', '2.5.4.7': 'Locality (L)',
  '2.5.4.8': 'State or province (ST)', '2.5.4.10': 'Organisation (O)', '2.5.4.11': 'Organisational unit (OU)', '2.5.4.12': 'Title',
  '2.5.4.42': 'Given name (GN)', '2.5.4.43': 'Initials', '2.5.4.44': 'Generation qualifier', '2.5.4.97': 'Organisation identifier',
  '1.2.840.113549.1.9.1': 'Email address',
}

/** @returns the name of a subject attribute; for one that is not known here, its number */
export function attributeName(oid: string): string {
  return ATTRIBUTES[oid] ?? `Attribute ${oid}`
}

/** @returns the kind of a key with the name of its curve, e.g. `EC P-256 (1.2.840.10045.3.1.7)` */
export function keyKind(kind: string): string {
  const curve = CURVES[/^EC ([0-9.]+)$/.exec(kind)?.[1] ?? '']
  return curve === undefined ? kind : kind.replace(/^EC (.*)$/, `EC ${curve} ($1)`)
}

/** A time without anything to guess at: `2026-03-24 10:00:01 UTC`. What is no time stays as it is. */
export function time(iso: string): Markup {
  const [, date, clock] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/.exec(iso) ?? []
  return date !== undefined && clock !== undefined ? html`<time datetime="${iso}">${date} ${clock} UTC</time>` : html`${iso}`
}

/** SHA-256 as `openssl x509 -fingerprint` prints it. It may break after each colon. */
export function fingerprint(sha256: string): Markup {
  const bytes = sha256.toUpperCase().match(/../g) ?? []
  return html`<code class="sum">${bytes.map((byte, i) => (i === 0 ? html`${byte}` : html`:<wbr>${byte}`))}</code>`
}

/** SHA-256 as `openssl dgst` and sha256sum print it. It may break after eight digits. */
export function digest(sha256: string): Markup {
  return html`<code class="sum plain">${(sha256.match(/.{1,8}/g) ?? []).map((part) => html`${part}<wbr>`)}</code>`
}
