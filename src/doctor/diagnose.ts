import type { TsbOnlySettings } from '../config.ts'
import { lookAtExport } from '../evidence/look-at-export.ts'
import { labelOf } from '../transaction/order.ts'
import { rehearse, type RehearsalParts } from '../transaction/rehearse.ts'
import type { StepName } from '../transaction/saga.ts'
import { watchPeer } from '../tsb/peer.ts'
import { openTsb, type Tsb } from '../tsb/tsb.ts'
import { judgeAnchor, judgeFiles } from './anchor.ts'
import { judgeClock, offsetOf } from './clock.ts'
import { examineConnection } from './connection.ts'
import { examineCredentials } from './credentials.ts'
import { finding, type Diagnosis, type Finding } from './diagnosis.ts'
import { judgeDeletion, judgeLabel, judgeSteps, reasonLeft, reportOf } from './trial.ts'
import { trialOrder, type KeyKind } from './trial-order.ts'
import { openWitness } from './witness.ts'

export interface DiagnoseOptions {
  /** Of the throw-away key's label. */
  readonly labelPrefix: string
  readonly keyKind: KeyKind
  /** Makes the label fresh. */
  readonly id: string
  /** Aborted where the operator wants it to end. */
  readonly interrupted: AbortSignal
  now(): Date
  /** Progress, a line each. The label is said before its key is made. */
  say(line: string): void
}

/**
 * Finds out whether bundles can be made with a TSB, by making one and taking it back: the connection, the credentials, then the flow of a
 * transaction with its own undo, and a second key under the label of the deleted one. Needs no journal, and can run beside a service.
 * @param settings the service's
 * @returns what was found; throws nothing that a TSB can cause
 */
export async function diagnose(settings: TsbOnlySettings, options: DiagnoseOptions): Promise<Diagnosis> {
  const { labelPrefix, keyKind, id, interrupted, now, say } = options
  const { url } = settings.tsb
  const order = trialOrder(labelPrefix, keyKind)
  const label = labelOf(order, id)
  const watch = watchPeer(url)
  const tsb = openTsb(settings.tsb, 1)
  try {
    say(`asking ${url} for its version`)
    const { reached, tooOld, findings: connection, ...about } = await examineConnection(tsb, watch.peer, settings, now(), interrupted)

    if (reached) say('trying each credential at each endpoint')
    const { answered, findings: credentials } = reached ? await examineCredentials(settings, order, id, interrupted) : NOT_TRIED

    const witness = openWitness(tsb, now)
    let waited = ''
    const parts: RehearsalParts = {
      tsb: witness.tsb, interrupted, now, settings: { ...settings.evidence, ...settings.transaction },
      begins: (step) => say(SAID[step] ?? step),
      takesBack: () => say(`deleting the key ${label}`),
      waits: (reason) => { if (reason !== waited) say(`${reason}: looking again, for up to ${Math.ceil(settings.transaction.settleAfterMs / 1_000)} s (SETTLE_AFTER_MS)`); waited = reason },
    }
    const why = whyNot(answered, tooOld, interrupted)
    if (why === undefined) say(`the throw-away key is ${keyKind} with the label ${label}: should this process be killed, look for it at the HSM`)
    const trial = why === undefined ? await rehearse(order, id, parts) : undefined
    if (trial?.rollback === 'done' && !interrupted.aborted) say(`creating a second key with the label ${label}, to see whether it is free again`)
    const again = trial?.rollback === 'done' && !interrupted.aborted
      ? await rehearse({ ...order, label: { kind: 'exact', value: label } }, id, parts, 'create-key')
      : undefined

    const exported = witness.exported()
    const untrusted = exported && await lookAtExport(exported.zip)
    const report = reportOf(trial)
    const attested = Date.parse(report?.facts.attestTime ?? '')
    const times = [...witness.times(), ...(exported === undefined || Number.isNaN(attested) ? [] : [{ told: attested, between: exported.between }])]
    const offset = offsetOf(times)
    const stuck = [trial, again].find((each) => each?.rollback === 'pending' || each?.rollback === 'impossible')
    const findings: readonly Finding[] = [
      ...connection,
      ...credentials,
      ...judgeSteps(trial, why, interrupted.aborted),
      judgeDeletion(trial, witness.certificateDeletion(), label),
      judgeLabel(again, why ?? (interrupted.aborted ? 'Not tried: it was interrupted.' : 'Not tried: there was no deleted label.')),
      judgeClock(offset, settings.evidence.clockSkewSeconds),
      judgeAnchor(report, untrusted, settings.evidence.trustAnchors),
      judgeFiles(untrusted),
    ]
    const works = trial?.issued !== undefined && stuck === undefined
    return {
      verdict: interrupted.aborted ? 'interrupted' : works ? 'works' : 'fails',
      tsb: { url, ...(tsb.reveals(JSON.stringify(about)) ? {} : about) },
      label,
      findings: findings.map((each) => withoutSecret(each, tsb)),
      evidence: report?.checks ?? [],
      facts: report?.facts ?? {},
      ...(untrusted !== undefined && typeof untrusted !== 'string' && !tsb.reveals(JSON.stringify(untrusted)) && { untrusted }),
      ...(offset && { clockOffsetSeconds: { from: offset.from / 1_000, to: offset.to / 1_000 } }),
      ...(stuck && { left: { label, reason: reasonLeft(stuck) } }),
      notFoundOut: notFoundOut(keyKind),
    }
  } finally {
    watch.stop()
    await tsb.close()
  }
}

const NO_ANSWER = 'Not tried: no TSB answered.'
const NOT_TRIED = {
  answered: false,
  findings: ['credentials.key-management', 'credentials.certificates', 'credentials.service'].map((id) => finding(id, 'skipped', NO_ANSWER)),
}

const SAID: Readonly<Partial<Record<StepName, string>>> = {
  'create-key': 'creating the key', 'generate-csr': 'generating the CSR', 'export-attestation': 'exporting the attestation', verify: 'verifying the evidence',
  pack: 'packing the bundle', 'check-label': 'looking whether the label is free', commit: 'the bundle is good; it is not kept',
}

function whyNot(answered: boolean, tooOld: boolean, interrupted: AbortSignal): string | undefined {
  if (interrupted.aborted) return 'Not tried: it was interrupted.'
  if (!answered) return NO_ANSWER
  return tooOld ? 'Not tried: the TSB is too old.' : undefined
}

/** A TSB, or what stands in front of it, may repeat what it was sent. */
const withoutSecret = (each: Finding, tsb: Tsb): Finding => (tsb.reveals(each.detail) ? { ...each, detail: 'What was found is not shown: it repeats a secret.' } : each)

function notFoundOut(keyKind: KeyKind): string[] {
  return [
    'which firmware the HSM runs, whether it is in FIPS or Common Criteria mode, and whether it is a QSCD: no attestation says so',
    `whether other keys than ${keyKind}, keys with a password, and an organizationIdentifier in the CSR work: one key without them was made`,
    'whether a certification authority takes a bundle: the rules of a profile are held against each request',
    'whether others answer differently, where TSB_URL leads to several TSBs',
    'whether the settings of journal, callers and HTTP are right: they were not read',
  ]
}
