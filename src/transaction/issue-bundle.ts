import type { PackedBundle } from '../bundle/pack-bundle.ts'
import type { EvidenceReport } from '../evidence/evidence.ts'
import { profileOf } from '../profiles/profiles.ts'
import { acceptEvidence } from './accept-evidence.ts'
import { createFreshKey, refuseTakenLabel } from './label.ts'
import { certificateRequestBody, type Order } from './order.ts'
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
 * @param tools the TSB, the checks' settings, the journal, and this transaction's id, key and deadline
 * @returns a bundle that a QTSP accepts, already in the journal
 * @throws TsbError or ProblemError from the first step that failed
 */
export async function issueBundle(saga: Saga, order: Order, tools: Tools): Promise<IssuedBundle> {
  const { tsb, key, keyBody, debt, signal } = tools

  if (order.label.kind === 'exact') await saga.step('check-label', () => refuseTakenLabel(tsb, key, signal))

  const created = await saga.step('create-key', () => createFreshKey(tsb, keyBody, debt, signal), () => debt.undo())

  const csr = await saga.step('generate-csr', async () => {
    debt.certificateMayExist()
    const answer = await tsb.requestCertificate(certificateRequestBody(order, key.label), signal)
    tools.reached('csr-generated')
    return answer
  })

  const attestationExport = await saga.step('export-attestation', async () => {
    const answer = await tsb.exportKeyAttestation(key, signal)
    tools.reached('attested')
    return answer
  })

  const { files, csrSubject, report } = await saga.step('verify', () => acceptEvidence({ attestationExport, csr, createdPublicKey: created.publicKey }, order, tools))

  const content = { label: key.label, transactionId: tools.id, startedAt: tools.startedAt, files, csrSubject, profile: profileOf(order.profile), report }
  const bundle = await saga.step('pack', () => tools.pack(content))

  await saga.step('commit', () => tools.commit(bundle, report))
  return { bundle, report }
}
