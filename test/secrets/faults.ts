import type { CallName, Fault, Simulator } from '../../src/simulator/simulator.ts'
import { order } from '../support/service.ts'
import type { Driver } from './driver.ts'
import { formsOf } from './planted.ts'
import { SECRETS, TOLD_TO_THE_TSB } from './settings.ts'

const { password, foreignPassword } = SECRETS
const everything = TOLD_TO_THE_TSB.join(' ')
const error = (message: string, errorCode = 701): Record<string, unknown> => ({ errorCode, reason: 'res.error.in.hsm', message })
const headers = { 'x-echo': TOLD_TO_THE_TSB.slice(0, 5).join(' '), 'www-authenticate': `Bearer realm="${SECRETS.token}"`, 'set-cookie': `key=${SECRETS.managementKey2}` }

/** Every kind of fault, with the secrets wherever the TSB can put them. */
const FAULTS: readonly Fault[] = [
  { kind: 'reset-before' }, { kind: 'reset-after' }, { kind: 'unauthorized-bare' }, { kind: 'not-found-bare' }, { kind: 'unavailable' }, { kind: 'empty-body' },
  { kind: 'garbage' }, { kind: 'truncated-body' }, { kind: 'wrong-content' }, { kind: 'html' }, { kind: 'huge' },
  { kind: 'hsm-error', message: `HSM error: ${everything}` },
  { kind: 'redirect', location: `http://127.0.0.1:1/${SECRETS.token}` },
  { kind: 'status', status: 500, body: `<html>${everything}</html>`, headers },
  { kind: 'status', status: 500, body: `{"errorCode":701,"message":"${everything}`, headers },
  { kind: 'status', status: 400, body: { errorCode: 600, reason: SECRETS.managementKey2, message: `refused: ${password}` }, headers },
  { kind: 'status', status: 403, body: error(`forbidden for ${SECRETS.operationKey2}`, 400), headers },
  { kind: 'status', status: 401, body: error(`Invalid API key ${SECRETS.managementKey2}`, 631), headers },
  { kind: 'status', status: 429, body: error(`slow down, ${SECRETS.token}`, 1), headers },
  { kind: 'status', status: 504, body: error(everything, 2), headers },
  { kind: 'status-after', status: 200, body: { ...error(everything), json: { label: everything, password: [...password] }, csr: everything }, headers },
  { kind: 'status-after', status: 200, body: { certificateSigningRequest: `-----BEGIN CERTIFICATE REQUEST-----\n${everything}\n-----END CERTIFICATE REQUEST-----\n` }, headers },
]
const STEPS: readonly CallName[] = ['key-attributes', 'create-key', 'certificate-request', 'key-attestation', 'delete-key']

/** Each fault at each step, once with an error that repeats and once where the undo fails too. */
export async function driveFaults(driver: Driver, simulator: Simulator): Promise<void> {
  const cells = STEPS.flatMap((step) => FAULTS.map((fault, i) => ({ step, fault, label: `fault-${step}-${i}.` })))
  await Promise.all(cells.map(async ({ step, fault, label }) => {
    const faults = simulator.faults.under(label)
    if (step === 'delete-key') faults.set('key-attestation', { kind: 'hsm-error', message: everything, times: 3 })
    // A fault for good at the export lets the time of the undo pass; the others are met once, or by every try of the flow.
    faults.set(step, { ...fault, times: step === 'delete-key' ? 2 : 3 })
    await driver.post(order(`${label}x`, { password }))
  }))
}

/** A TSB that repeats each secret in each form. */
export async function driveEchoes(driver: Driver, simulator: Simulator): Promise<void> {
  const messages = TOLD_TO_THE_TSB.flatMap((secret) => formsOf(secret).filter((form) => !form.includes('\u0000')))
  await Promise.all(messages.map(async (form, i) => {
    const label = `echo-${i}.`
    const own = form.includes(password.slice(0, 4)) ? password : SECRETS.listedPassword
    simulator.faults.under(label).set('key-attributes', { kind: 'status', status: 400, body: { errorCode: 600, reason: 'res.error', message: `wrong: ${form}` } })
    await driver.post(order(`${label}x`, { password: TOLD_TO_THE_TSB.slice(0, 5).some((told) => formsOf(told).includes(form)) || formsOf(password).includes(form) ? password : own }))
  }))
}

/** Evidence that repeats secrets, keys that are not ours, and an undo that is refused. */
export async function driveEvidence(driver: Driver, simulator: Simulator): Promise<void> {
  const { alter } = simulator
  const spoil = async (name: string, change: () => void): Promise<void> => {
    change()
    await driver.post(order(`evidence-${name}`, { password }))
    for (const hook of Object.keys(alter) as (keyof typeof alter)[]) delete alter[hook]
  }
  const bytes = Buffer.from(`${everything} ${[...password].join(', ')}`)
  await spoil('xml', () => { alter.attestationXml = (xml) => xml.replace('evidence-xml', everything.replaceAll(/[<&]/g, 'x')) })
  await spoil('csr', () => { alter.csr = (pem) => `${everything}\n${pem}` })
  await spoil('readme', () => { alter.exportFiles = (files) => new Map(files).set([...files.keys()].find((each) => each.endsWith('.md')) ?? 'README.md', bytes) })
  await spoil('extra', () => { alter.exportFiles = (files) => new Map(files).set(`${SECRETS.token}.txt`, bytes).set(`${SECRETS.managementKey2}.bin`, bytes) })
  for (const part of ['crt', 'PublicKey']) {
    await spoil(part, () => {
      alter.exportFiles = (files) => new Map([...files].map(([name, content]) => [name, name.includes(part) ? Buffer.concat([bytes, Buffer.from('\n'), content]) : content]))
    })
  }
  await spoil('answer', () => { alter.createAnswer = (answer) => ({ ...answer, ...error(everything), password: [...password] }) })
  await simulator.addKey({ label: 'foreign', password: foreignPassword })
  await driver.post(order('foreign', { password }))
  const refused: Fault = { kind: 'status', status: 400, body: error(`may not delete: ${everything}`, 402), times: Infinity }
  simulator.faults.under('owed.').set('key-attestation', { kind: 'hsm-error', message: everything, times: Infinity })
  simulator.faults.under('owed.').set('delete-key', refused)
  await driver.post(order('owed.x', { password }), { 'idempotency-key': 'drive-owed' })
  await driver.post(order('owed.x', { password }), { 'idempotency-key': 'drive-owed' })
}
