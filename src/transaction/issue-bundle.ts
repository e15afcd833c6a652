import type { PackedBundle } from '../bundle/pack-bundle.ts'
import type { EvidenceReport } from '../evidence/evidence.ts'
import { profileOf } from '../profiles/profiles.ts'
import { acceptEvidence } from './accept-evidence.ts'
import { createFreshKey, refuseTakenLabel } from './label.ts'
import { certificateRequestBody, createKeyBody, type Order } from './order.ts'
import type { Saga } from './saga.ts'
import type { Tools } from './tools.ts'

export interface IssuedBundle {
  readonly bundle: PackedBundle
  readonly report: EvidenceReport
}

/**
 * The whole transaction. Read this file first.
 *
 * The TSB knows no transactions, so this service makes one: each step's undo stands beside the step, and after a failure the saga runs what
 * was registered. Only create-key changes anything that must be taken back.
 * @param saga runs the steps
 * @param order a valid request
 * @param tools the TSB, the checks' settings, the journal, and this transaction's id, label and deadline
 * @returns a bundle that a QTSP accepts, already in the journal
 * @throws TsbError or ProblemError from the first step that failed
 */
export async function issueBundle(saga: Saga, order: Order, tools: Tools): Promise<IssuedBundle> {
  const { tsb, label, signal } = tools
  const key = { label, ...(order.password !== undefined && { password: order.password }) }
  const keyBody = createKeyBody(order, label)
  const debt = tools.debtFor({ key, body: keyBody, labelIsOurs: order.label.kind === 'prefix' })

  if (order.label.kind === 'exact') await saga.step('check-label', () => refuseTakenLabel(tsb, key, signal))

  const created = await saga.step('create-key', () => createFreshKey(tsb, keyBody, debt, signal), () => debt.undo())

  const csr = await saga.step('generate-csr', () => {
    debt.certificateMayExist()
    return tsb.requestCertificate(certificateRequestBody(order, label), signal)
  })

  const attestationExport = await saga.step('export-attestation', () => tsb.exportKeyAttestation(key, signal))

  const { files, csrSubject, report } = await saga.step('verify', () => acceptEvidence({ attestationExport, csr, createdPublicKey: created.publicKey }, order, tools))

  const profile = profileOf(order.profile)
  const bundle = await saga.step('pack', () => tools.pack({
    label, transactionId: tools.id, startedAt: tools.startedAt, files, csrSubject, profile, report,
  }))

  await saga.step('commit', () => tools.commit(bundle, report))
  return { bundle, report }
}
