import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { runDoctor } from '../../src/commands/doctor.ts'
import type { Diagnosis, Finding } from '../../src/doctor/diagnosis.ts'
import { startSimulator, type Simulator, type SimulatorOptions } from '../../src/simulator/simulator.ts'
import { sharedPki } from './service.ts'

export interface DoctorRun {
  readonly exitCode: number
  readonly diagnosis: Diagnosis
  /** The progress that was written, a line each. */
  readonly said: readonly string[]
  /** All that it wrote. */
  readonly text: string
  /** The finding of that id, as `outcome`, and all of its words. */
  finding(id: string): Finding
}

export interface Surgery {
  readonly simulator: Simulator
  readonly env: Readonly<Record<string, string>>
  /** Runs the command with `--json` and a cheap kind of key. */
  run(more?: { env?: Readonly<Record<string, string | undefined>>; interrupted?: AbortSignal; now?: () => Date; say?: (line: string) => void }): Promise<DoctorRun>
}

/** An HSM to be looked at, and the settings of a service that works with it. */
export async function openSurgery(t: TestContext, options: SimulatorOptions = {}): Promise<Surgery> {
  const simulator = await startSimulator({ pki: await sharedPki(), ...options })
  const home = mkdtempSync(join(tmpdir(), 'doctor-'))
  t.after(async () => {
    await simulator.close()
    rmSync(home, { recursive: true, force: true })
  })
  const anchors = join(home, 'root.pem')
  writeFileSync(anchors, simulator.rootPem)
  const env = { TSB_URL: simulator.url, TRUST_ANCHORS_FILE: anchors, SETTLE_AFTER_MS: '400', TSB_CREATE_KEY_TIMEOUT_MS: '2000', TSB_TIMEOUT_MS: '2000' }
  return {
    simulator, env,
    async run({ env: more = {}, interrupted = new AbortController().signal, now, say = () => undefined } = {}) {
      const said: string[] = []
      const { exitCode, output } = await runDoctor(['--key', 'p-256', '--json'], {
        env: { ...env, ...more }, colour: false, interrupted, say(line) { said.push(line); say(line) }, ...(now && { now }),
      })
      const diagnosis = JSON.parse(output) as Diagnosis
      return {
        exitCode, diagnosis, said, text: [...said, output].join('\n'),
        finding(id) {
          const found = diagnosis.findings.find((each) => each.id === id)
          assert.ok(found, `there is no finding ${id}`)
          return found
        },
      }
    },
  }
}

/** Asserts that neither a key nor a certificate is at the HSM, and that the report says the same. */
export function assertNothingLeft({ simulator }: Surgery, { diagnosis }: DoctorRun): void {
  assert.deepEqual([simulator.labels(), simulator.certificates(), diagnosis.left], [[], [], undefined])
}

/** The findings that are not `passed`, in order. */
export const troubles = ({ diagnosis }: DoctorRun): string[] => diagnosis.findings.filter(({ outcome }) => outcome !== 'passed').map(({ id, outcome }) => `${id} ${outcome}`)
