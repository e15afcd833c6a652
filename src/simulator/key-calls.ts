import { attest, signedKeyAttributes } from './attested.ts'
import { exportFiles, zipFiles } from './export-zip.ts'
import { emptyAnswer, fileAnswer, jsonAnswer, type Answer, type CallInput, type Context } from './options.ts'
import { openKey, type StoredKey } from './partition.ts'
import { fieldsOf, password, requiredText } from './request-fields.ts'
import { refusal } from './tsb-reasons.ts'

/** Opens the key that a body names: `{label, password?}`. */
function keyInBody({ partition }: Context, body: unknown): StoredKey {
  const fields = fieldsOf(body)
  return openKey(partition, requiredText(fields, 'label'), password(fields, 'password'))
}

/** Lists all labels, the HSM's own key among them (`GET /v1/key`). */
export const listKeys = ({ partition }: Context): Answer => jsonAnswer(200, [partition.systemLabel, ...partition.keys.keys()])

/** Attests a key (`POST /v1/key/attributes`). @throws TsbRefusal 600, 620, 621, 650, 701. */
export const keyAttributes = async (context: Context, { body }: CallInput): Promise<Answer> =>
  jsonAnswer(200, await signedKeyAttributes(context, keyInBody(context, body)))

/** Attests a key that has no password (`GET /v1/key/{name}/attributes`). @throws TsbRefusal 620, 650, 701. */
export const keyAttributesByName = async (context: Context, { name }: CallInput): Promise<Answer> =>
  jsonAnswer(200, await signedKeyAttributes(context, openKey(context.partition, name, undefined)))

/** Deletes a key (`POST /v1/key/deleteKey`). @throws TsbRefusal 600, 614, 620, 621, 650, 701. */
export const deleteKey = (context: Context, { body }: CallInput): Answer => remove(context, keyInBody(context, body))

/** Deletes a key that has no password (`DELETE /v1/key/{name}`). @throws TsbRefusal 614, 620, 650, 701. */
export const deleteKeyByName = (context: Context, { name }: CallInput): Answer =>
  remove(context, openKey(context.partition, name, undefined))

function remove({ partition, options }: Context, key: StoredKey): Answer {
  if (!key.flags.destroyable) throw refusal(614, `The key '${key.label}' is not destroyable.`)
  partition.keys.delete(key.label)
  if (options.certificateOutlivesKey !== true) partition.certificates.delete(key.label)
  if (options.keepInvalidatedLabels === true) partition.bin.add(key.label)
  return emptyAnswer(200)
}

/** Exports the attestation of a key as a zip (`POST /v1/key/keyAttestation`). @throws TsbRefusal 600, 620, 621, 650, 701. */
export async function keyAttestation(context: Context, { body }: CallInput): Promise<Answer> {
  const { alter, options, pki } = context
  const key = keyInBody(context, body)
  const { xml, signature } = await attest(context, key)
  const files = exportFiles({
    label: key.label, xml, signature, pki, fileNaming: options.fileNaming ?? 'tutorial', rootInChain: options.rootInChain ?? false,
  })
  const zip = await zipFiles(await alter.exportFiles?.(files, key) ?? files)
  return fileAnswer(`${key.label}-attestation.zip`, await alter.exportZip?.(zip, key) ?? zip)
}
