import { attestationXml, describeKey, hsmTime, publicKeyBase64 } from './attestation-xml.ts'
import type { Context } from './options.ts'
import type { StoredKey } from './partition.ts'
import { policyLines } from './policy-xml.ts'
import { signAttestation } from './pki.ts'

export interface Attested {
  readonly at: Date
  readonly xml: Buffer
  readonly signature: Uint8Array
}

/** Attests a key now: the XML as the HSM says it, signed, both through the hooks that forge. */
export async function attest({ pki, alter, now }: Context, key: StoredKey): Promise<Attested> {
  const at = now()
  const honest = attestationXml(key, { created: key.created, attested: at }, {
    creation: key.creation,
    ...(key.policy === null ? {} : { policy: policyLines(key.policy) }),
  })
  const xml = Buffer.from(await alter.attestationXml?.(honest, key) ?? honest)
  const signature = signAttestation(pki, xml)
  return { at, xml, signature: await alter.signature?.(signature, key) ?? signature }
}

/** The answer of create-key and key-attributes: a fresh attestation beside the same facts in JSON (contract 1.1). */
export async function signedKeyAttributes(context: Context, key: StoredKey): Promise<Record<string, unknown>> {
  const { at, xml, signature } = await attest(context, key)
  const facts = describeKey(key.publicKey)
  const { unique: _onlyInXml, ...flags } = key.flags
  return {
    json: {
      label: key.label, id: key.id, uuid: null,
      algorithm: facts.algorithm, algorithmOid: facts.algorithmOid, curveOid: facts.curveOid ?? null, derivedAttributes: null,
      keySize: facts.keySize ?? null, keyUsageCount: key.useCount,
      createTime: hsmTime(key.created), attestTime: hsmTime(at),
      publicKey: publicKeyBase64(key.publicKey), addressTruncated: null,
      attributes: { ...flags, ekaSign: null },
      policy: key.policy,
    },
    xml: xml.toString(),
    xmlSignature: Buffer.from(signature).toString('base64'),
    attestationKeyName: context.pki.attestationKeyName,
  }
}
