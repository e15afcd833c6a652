import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { attestationXml, emptyPolicy, publicKeyBase64 } from '../../src/simulator/attestation-xml.ts'
import { policyLines } from '../../src/simulator/policy-xml.ts'

const times = { created: new Date('2026-11-23T10:00:00.999Z'), attested: new Date('2026-11-23T10:00:05Z') }
const ec = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey
const ed = generateKeyPairSync('ed25519').publicKey

test('writes an RSA key in the vendor’s layout to the byte', () => {
  assert.equal(attestationXml({ label: 'rsa_sign', publicKey: rsa, useCount: 1, flags: { decrypt: true } }, times), `<?xml version="1.0" encoding="UTF-8"?>
<private_key creation="generated">
	<label>rsa_sign</label>
	<create_time>2026-11-23T10:00:00Z</create_time>
	<attest_time>2026-11-23T10:00:05Z</attest_time>
	<key_use_count>1</key_use_count>
	<algorithm>RSA</algorithm>
	<algorithm_oid>1.2.840.113549.1.1.1</algorithm_oid>
	<key_size>2048</key_size>
	<public_key>${publicKeyBase64(rsa)}</public_key>
	<attributes>
		<decrypt>true</decrypt>
		<sign>true</sign>
		<unwrap>false</unwrap>
		<derive>false</derive>
		<sensitive>true</sensitive>
		<always_sensitive>true</always_sensitive>
		<extractable>false</extractable>
		<never_extractable>true</never_extractable>
		<modifiable>false</modifiable>
		<copyable>false</copyable>
		<destroyable>true</destroyable>
		<unique>true</unique>
	</attributes>
</private_key>

`)
})

const elements = (xml: string): string[] => [...xml.matchAll(/^\t<(\w+)/gm)].map(([, name]) => name ?? '')

test('an EC key has its curve and no size, an Ed25519 key neither', () => {
  const common = ['label', 'create_time', 'attest_time', 'algorithm', 'algorithm_oid']
  const ecXml = attestationXml({ label: 'k', publicKey: ec }, times)
  assert.deepEqual(elements(ecXml), [...common, 'curve_oid', 'public_key', 'attributes'])
  assert.match(ecXml, /<curve_oid>1\.2\.840\.10045\.3\.1\.7<\/curve_oid>/)
  const edXml = attestationXml({ label: 'k', publicKey: ed }, times)
  assert.deepEqual(elements(edXml), [...common, 'public_key', 'attributes'])
  assert.match(edXml, /<algorithm>ED<\/algorithm>\n\t<algorithm_oid>1\.3\.101\.112</)
})

test('writes what special keys have, in the vendor’s order, and escapes the label', () => {
  const xml = attestationXml({ label: 'M/44\'<&>"', publicKey: ed, useCount: 0 }, times, {
    creation: 'imported', storage: 'external', uuid: 'F6474FFA-F68EC585-383412B7-41EDAA40',
    derivationValue: { type: 'ADA/SLIP-10', value: '44CB' }, policy: emptyPolicy, attributes: { unique: false, copyable: null },
  })
  assert.deepEqual(elements(xml),
    ['uuid', 'label', 'create_time', 'attest_time', 'key_use_count', 'algorithm', 'algorithm_oid', 'public_key', 'derivation_value', 'attributes', 'policy'])
  assert.match(xml, /^<private_key creation="imported" storage="external">$/m)
  assert.match(xml, /<label>M\/44&apos;&lt;&amp;&gt;&quot;<\/label>/)
  assert.match(xml, /<derivation_value type="ADA\/SLIP-10">44CB<\/derivation_value>/)
  assert.match(xml, /<unique>false<\/unique>/)
  assert.doesNotMatch(xml, /copyable/)
  assert.ok(xml.endsWith('\t<policy>\n\t\t<key_status>\n\t\t\t<blocked>false</blocked>\n\t\t</key_status>\n\t</policy>\n</private_key>\n\n'))
})

test('writes a policy with a rule as the documentation shows it', () => {
  const approval = publicKeyBase64(createPublicKey(ec.export({ type: 'spki', format: 'pem' })))
  const group = { name: 'Group1', quorum: 1, approvals: [{ type: 'public_key', name: 'ApproverKey1', value: approval }] }
  const ruleUse = { tokens: [{ name: 'Token1', timelock: 0, timeout: 600, groups: [group] }] }
  assert.equal(policyLines({ ruleUse, ruleBlock: null, keyStatus: { blocked: false } }).join('\n'), `<key_status>
	<blocked>false</blocked>
</key_status>
<rule_use>
	<token name="Token1">
		<timelock>0</timelock>
		<timeout>600</timeout>
		<group name="Group1">
			<quorum>1</quorum>
			<approval type="public_key" name="ApproverKey1">${approval}</approval>
		</group>
	</token>
</rule_use>`)
})
