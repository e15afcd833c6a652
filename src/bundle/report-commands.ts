import { html, nothing, type Markup } from '../html.ts'
import { digest } from './report-values.ts'

/** A command for the reader's terminal, and what it must print. */
interface Step {
  readonly title: string
  /** The vendor's procedure leaves this out. */
  readonly missing?: string
  readonly commands: readonly string[]
  readonly expected: Markup
}

/**
 * How a reader repeats the checks with openssl: the vendor's commands with this bundle's file names, and the two that the vendor's procedure
 * leaves out (its key file is tied to no certificate, and nobody checks that the CSR is signed by its own key).
 * @param label names the files
 * @param verifyScriptSha256 of the verify.sh that this version of the service ships
 */
export function commandsSection(label: string, verifyScriptSha256: string | undefined): Markup {
  return html`<section aria-labelledby="repeat">
<h2 id="repeat">Repeat it yourself</h2>
<p>Unpack the zip, open a terminal in that folder, and put the vendor’s root certificate there as <code>hsm_rsa_root.crt</code>. Get it from the
vendor (knowledge base, article 147), never from this zip or from whoever sent it. Any openssl from 1.1.1 on will do. The commands take the
first certificate of <code>PrimusHSM_Attestation.crt</code> for the attestation certificate, as the HSM writes the file. If one prints anything else than what is
expected here, refuse.</p>
<ol class="steps">
${stepsOf(label).map(({ title, missing, commands, expected }) => html`<li>
<h3>${title}</h3>
${missing === undefined ? nothing : html`<p class="missing"><strong>Not in the vendor’s procedure.</strong> ${missing}</p>\n`}<pre><code>${commands.map(line)}</code></pre>
<p class="expected">Expected: ${expected}</p>
</li>
`)}</ol>
${verifyScriptSha256 === undefined ? nothing : script(verifyScriptSha256)}</section>`
}

/** One command. A line may break between words only: a file name or an option that is cut at its hyphen cannot be typed from paper. */
function line(command: string): Markup {
  return html`<span class="line">${command.split(' ').map((word, i) => html`${i === 0 ? '' : ' '}<span class="word">${word}</span>`)}\n</span>`
}

function script(sha256: string): Markup {
  return html`<div class="note">
<h3>The same as one script</h3>
<p><code>sh verify.sh hsm_rsa_root.crt</code> runs all of these steps. The <code>verify.sh</code> in this zip is the sender’s claim, like the rest of it: run the
<code>verify.sh</code> of the project’s release, not this copy. SHA-256 of the script of this release, to compare with the one that the project publishes:</p>
<p>${digest(sha256)}</p>
</div>
`
}

function stepsOf(label: string): readonly Step[] {
  const [csr, xml, signature] = [shellWord(`${label}.csr`), shellWord(`${label}.xml`), shellWord(`${label}.sig`)]
  return [
    {
      title: 'Your root is the vendor’s',
      commands: ['openssl x509 -in hsm_rsa_root.crt -noout -fingerprint -sha256'],
      expected: html`the fingerprint that the vendor publishes, which should also be that of the trust anchor above`,
    },
    {
      title: 'The certificates lead to your root',
      commands: ['openssl verify -CAfile hsm_rsa_root.crt -untrusted PrimusHSM_Attestation.crt PrimusHSM_Attestation.crt'],
      expected: html`<code>PrimusHSM_Attestation.crt: OK</code>`,
    },
    {
      title: 'The public key file has the key of the verified certificate',
      missing: 'Without it, the next step would accept a signature by anybody’s key.',
      commands: ['openssl x509 -in PrimusHSM_Attestation.crt -noout -pubkey | cmp - PrimusHSM_Attestation_PublicKey.pem && echo the same key'],
      expected: html`<code>the same key</code>`,
    },
    {
      title: 'The attestation is signed with that key',
      commands: [`openssl dgst -verify PrimusHSM_Attestation_PublicKey.pem -sha256 -signature ${signature} ${xml}`],
      expected: html`<code>Verified OK</code>`,
    },
    {
      title: 'The attested key is the key of the CSR',
      commands: [
        `openssl req -in ${csr} -noout -pubkey -out SigningKeyCsrPubKey.pem`,
        'openssl asn1parse -noout -in SigningKeyCsrPubKey.pem -out SigningKeyCsrPubKey.der',
        `grep public_key ${xml} | sed -e 's,[^>]*>,,' -e's,<.*,,' | base64 -d > SigningKeyAttestationFilePubKey.der`,
        'cmp SigningKeyCsrPubKey.der SigningKeyAttestationFilePubKey.der && echo Verified OK',
      ],
      expected: html`<code>Verified OK</code>`,
    },
    {
      title: 'The CSR is signed by its own key',
      missing: 'Without it, the CSR could hold a key that its sender does not have.',
      commands: [`openssl req -in ${csr} -noout -verify 2>&1 | grep 'verify OK'`],
      expected: html`<code>verify OK</code>`,
    },
    {
      title: 'What the HSM says of the key',
      commands: [`grep -E 'creation|extractable|sensitive|copyable' ${xml}`],
      expected: html`creation is <code>generated</code> and no storage is named; sensitive, always_sensitive and never_extractable are <code>true</code>;
extractable and copyable are <code>false</code>`,
    },
    {
      title: 'The subject and the usages of the CSR',
      commands: [`openssl req -in ${csr} -noout -text -nameopt utf8,sep_comma_plus_space`],
      expected: html`the subject above, and the usages that were applied for`,
    },
  ]
}

/** A file name as one word of a POSIX shell. Labels of this service need no quotes. */
function shellWord(name: string): string {
  return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) ? name : `'./${name.replaceAll('\'', '\'\\\'\'')}'`
}
