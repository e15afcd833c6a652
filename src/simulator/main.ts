import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { readFault } from './fault-words.ts'
import { startSimulator, type RecordedRequest, type SimulatorOptions } from './simulator.ts'

const usage = `Starts a TSB simulator: real keys, CSRs and attestations under a root of its own.

npm run simulator -- [options]
  --host HOST                     127.0.0.1
  --port PORT                     8080; 0 takes any free port
  --root FILE                     where to write the root certificate; simulator-root.pem
  --attestation-key KIND          rsa, rsa-pss or ec; rsa
  --file-naming NAMING            tutorial or label; tutorial
  --root-in-chain                 the export's chain file ends with the root
  --certificate-role ROLE         management or operation; management
  --api-key-management KEY        accepted X-API-KEY of the role; may be repeated. A role without keys needs none
  --api-key-operation KEY
  --api-key-service KEY
  --bearer-token TOKEN            each call must carry it
  --keep-invalidated-labels       a deleted key keeps its label
  --tsb-version VERSION           2.5.1
  --fault JSON                    what goes wrong with a call, each time, for labels that begin so; may be repeated:
                                  '{"call":"certificate-request","kind":"slow","delayMs":2000}'
                                  '{"call":"key-attestation","kind":"hsm-error","label":"bad-"}'
  --log-traces                    print a JSON line for each request that has a traceparent
  --json                          print one JSON line instead of text
  --help
`

function oneOf<T extends string>(name: string, value: string | undefined, allowed: readonly T[]): T | undefined {
  if (value === undefined) return undefined
  const found = allowed.find((candidate) => candidate === value)
  if (found === undefined) throw new Error(`--${name} must be one of ${allowed.join(', ')}.`)
  return found
}

function readArguments(): { options: SimulatorOptions; faults: ReturnType<typeof readFault>[]; root: string; json: boolean; help: boolean } {
  const { values } = parseArgs({
    options: {
      host: { type: 'string' }, port: { type: 'string' }, root: { type: 'string' }, 'attestation-key': { type: 'string' },
      'file-naming': { type: 'string' }, 'root-in-chain': { type: 'boolean' }, 'certificate-role': { type: 'string' },
      'api-key-management': { type: 'string', multiple: true }, 'api-key-operation': { type: 'string', multiple: true },
      'api-key-service': { type: 'string', multiple: true }, 'bearer-token': { type: 'string' }, 'keep-invalidated-labels': { type: 'boolean' },
      'tsb-version': { type: 'string' }, fault: { type: 'string', multiple: true }, 'log-traces': { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean' },
    },
  })
  const port = Number(values.port ?? '8080')
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new Error('--port must be a number from 0 to 65535.')
  const management = values['api-key-management']
  const operation = values['api-key-operation']
  const service = values['api-key-service']
  const bearerToken = values['bearer-token']
  return {
    root: resolve(values.root ?? 'simulator-root.pem'),
    json: values.json ?? false,
    help: values.help ?? false,
    faults: (values.fault ?? []).map(readFault),
    options: {
      host: values.host ?? '127.0.0.1',
      port,
      attestationKey: oneOf('attestation-key', values['attestation-key'], ['rsa', 'rsa-pss', 'ec']) ?? 'rsa',
      fileNaming: oneOf('file-naming', values['file-naming'], ['tutorial', 'label']) ?? 'tutorial',
      certificateRole: oneOf('certificate-role', values['certificate-role'], ['management', 'operation']) ?? 'management',
      rootInChain: values['root-in-chain'] ?? false,
      keepInvalidatedLabels: values['keep-invalidated-labels'] ?? false,
      apiKeys: {
        ...(management === undefined ? {} : { keyManagement: management }),
        ...(operation === undefined ? {} : { keyOperation: operation }),
        ...(service === undefined ? {} : { service }),
      },
      ...(bearerToken === undefined ? {} : { bearerToken }),
      ...(values['tsb-version'] === undefined ? {} : { version: values['tsb-version'] }),
      ...(values['log-traces'] === true ? { heard: logTrace } : {}),
    },
  }
}

/** No body and no credential: a log of this is for everyone to see. */
function logTrace({ call, method, path, headers: { traceparent } }: RecordedRequest): void {
  if (traceparent !== undefined) process.stdout.write(`${JSON.stringify({ call, method, path, traceparent })}\n`)
}

async function main(): Promise<void> {
  const { options, faults, root, json, help } = readArguments()
  if (help) {
    process.stdout.write(usage)
    return
  }
  const simulator = await startSimulator(options)
  for (const { call, label, fault } of faults) simulator.faults.under(label).set(call, fault)
  writeFileSync(root, simulator.rootPem)
  process.stdout.write(json
    ? `${JSON.stringify({ url: simulator.url, root })}\n`
    : `The TSB simulator is at ${simulator.url}\nIts root certificate is in ${root}\nStop it with Ctrl-C. Its keys are gone then.\n`)
  const stop = (): void => void simulator.close()
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
