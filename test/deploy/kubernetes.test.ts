import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { readSettings } from '../../src/config.ts'
import { VARIABLES } from '../../src/settings/environment.ts'
import { certificateAuthority, serverIdentity } from '../auth/certificates.ts'
import { KUBERNETES, kustomize, manifestsIn } from './kustomize.ts'
import { faultsOf, type Manifest } from './schemas.ts'

interface Pod {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> }
  readonly spec: Readonly<Record<string, unknown>> & {
    readonly terminationGracePeriodSeconds: number
    readonly containers: readonly [Container]
    readonly volumes: readonly { readonly name: string; readonly secret?: { readonly secretName: string }; readonly emptyDir?: object }[]
  }
}

interface Container extends Readonly<Record<string, unknown>> {
  readonly env: readonly { readonly name: string; readonly value: string }[]
  readonly envFrom: readonly { readonly configMapRef: { readonly name: string } }[]
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
  readonly ports: readonly { readonly name: string }[]
}

const example = kustomize('example')
const secrets = manifestsIn(readFileSync(join(KUBERNETES, 'secrets.example.yaml'), 'utf8')) as (Manifest & { stringData: Record<string, string> })[]
const find = <T>(kind: string, from: readonly Manifest[] = example): Manifest & T => {
  const [found, ...more] = from.filter((manifest) => manifest.kind === kind)
  assert.ok(found !== undefined && more.length === 0, `one ${kind}`)
  return found as Manifest & T
}
const podOf = (manifests: readonly Manifest[]): Pod => find<{ spec: { template: Pod } }>('Deployment', manifests).spec.template
const pod = podOf(example)
const [container] = pod.spec.containers

/** Variables of the container, as Kubernetes would set them. */
function environmentOf(manifests: readonly Manifest[]): Record<string, string> {
  const { env, envFrom } = podOf(manifests).spec.containers[0]
  const maps = envFrom.map(({ configMapRef }) => manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === configMapRef.name) as { data?: Record<string, string> } | undefined)
  assert.ok(maps.every((map) => map !== undefined), 'every configMapRef names a ConfigMap')
  return { ...Object.assign({}, ...maps.map((map) => map?.data)) as object, ...Object.fromEntries(env.map(({ name, value }) => [name, value])) }
}
const unknownIn = (env: Readonly<Record<string, string>>): string[] => Object.keys(env).filter((name) => !VARIABLES.includes(name))

describe('the manifests', () => {
  for (const folder of ['base', 'prometheus', 'example']) {
    test(`${folder} is made by kustomize, and has no fault and no unknown field`, () => {
      const manifests = kustomize(folder)
      assert.deepEqual(manifests.flatMap(faultsOf), [])
      assert.ok(manifests.length > 0)
    })
  }
  test('so has the shape of the Secrets', () => { assert.deepEqual(secrets.flatMap(faultsOf), []) })

  test('a misspelt field, a wrong type and a resource that is not there are seen', () => {
    const spoilt = (file: string, from: string, to: string): Manifest[] => kustomize('example', (home) => {
      const path = join(home, file)
      const text = readFileSync(path, 'utf8')
      assert.ok(text.includes(from), from)
      writeFileSync(path, text.replace(from, to))
    })
    assert.deepEqual(spoilt('base/deployment.yaml', 'periodSeconds', 'periodSecond').flatMap(faultsOf), ['Deployment/spec/template/spec/containers/0/startupProbe/periodSecond is unknown'])
    assert.match(spoilt('base/deployment.yaml', 'replicas: 2', 'replicas: two').flatMap(faultsOf).join(), /replicas must be integer/)
    assert.deepEqual(spoilt('prometheus/service-monitor.yaml', 'interval', 'intervall').flatMap(faultsOf), ['ServiceMonitor/spec/endpoints/0/intervall is unknown'])
    assert.throws(() => spoilt('base/kustomization.yaml', 'service.yaml', 'servise.yaml'), /servise\.yaml/)
    assert.deepEqual(unknownIn(environmentOf(spoilt('example/kustomization.yaml', 'DEFAULT_PROFILE', 'DEFAULT_PROFIL'))), ['DEFAULT_PROFIL'])
  })

  test('everything is in the namespace, and what selects selects the pods', () => {
    for (const { kind, metadata } of example) if (kind !== 'Namespace') assert.equal(metadata.namespace, find('Namespace').metadata.name, kind)
    const selectors = [
      find<{ spec: { selector: object } }>('Service').spec.selector,
      ...['Deployment', 'PodDisruptionBudget'].map((kind) => find<{ spec: { selector: { matchLabels: object } } }>(kind).spec.selector.matchLabels),
      find<{ spec: { podSelector: { matchLabels: object } } }>('NetworkPolicy').spec.podSelector.matchLabels,
      ...(pod.spec['topologySpreadConstraints'] as { labelSelector: { matchLabels: object } }[]).map(({ labelSelector }) => labelSelector.matchLabels),
    ]
    for (const selector of selectors) assert.deepEqual(selector, pod.metadata.labels)
    // A ServiceMonitor selects the Service by the Service's own labels.
    assert.deepEqual(find<{ spec: { selector: { matchLabels: object } } }>('ServiceMonitor').spec.selector.matchLabels, find('Service').metadata.labels)
  })
})

describe('the settings', () => {
  const home = mkdtempSync(join(tmpdir(), 'mounts-'))
  after(() => { rmSync(home, { recursive: true }) })
  const files: Record<string, string> = {
    'tsb-key-management-api-keys': 'management', 'tsb-key-operation-api-keys': 'operation', 'journal-url': 'postgres://bundler:secret@database/journal?sslmode=verify-full',
    'journal-encryption-key': Buffer.alloc(32, 1).toString('base64'),
    'clients.json': JSON.stringify([{ id: 'billing', apiKeySha256: 'ab'.repeat(32), labels: ['billing-*'] }]),
  }
  before(async () => {
    const { cert, key } = await serverIdentity(await certificateAuthority('CA'))
    Object.assign(files, { 'tls.crt': cert, 'tls.key': key })
  })

  /** The Secret and its key that a path in the container comes from. */
  function originOf(path: string): { secret: string; key: string } | undefined {
    const mount = container.volumeMounts.find(({ mountPath }) => mountPath === dirname(path))
    const volume = pod.spec.volumes.find(({ name }) => name === mount?.name)
    return volume?.secret && { secret: volume.secret.secretName, key: basename(path) }
  }
  const paths = Object.entries(environmentOf(example)).filter(([, value]) => value.startsWith('/'))

  test('are all known: a misspelt one would go unheard', () => { assert.deepEqual(unknownIn(environmentOf(example)), []) })

  test('every file that one names is mounted from a Secret whose shape has it', () => {
    assert.ok(paths.length >= 7)
    for (const [name, path] of paths) {
      const origin = originOf(path)
      const shape = secrets.find(({ metadata }) => metadata.name === origin?.secret)
      assert.ok(shape !== undefined && origin !== undefined && origin.key in shape.stringData, name)
    }
  })

  test('start the service, with these files in place', () => {
    const placed = paths.map(([name, path]): [string, string] => {
      const file = join(home, basename(path))
      writeFileSync(file, files[basename(path)] ?? '')
      return [name, file]
    })
    const settings = readSettings({ HOST: '0.0.0.0', ...environmentOf(example), ...Object.fromEntries(placed) })
    assert.deepEqual(settings.warnings, [])
    assert.match(settings.journal.url, /^postgres:/)
    assert.equal(settings.auth.mode, 'api-key')
    const { delayMs, graceMs } = settings.shutdown
    assert.ok(delayMs >= 5_000 && pod.spec.terminationGracePeriodSeconds * 1_000 >= delayMs + graceMs + 5_000)
  })

  test('the Secrets as they stand in the shape start nothing', () => {
    const placed = paths.map(([name, path]): [string, string] => {
      const file = join(home, `shape-${basename(path)}`)
      writeFileSync(file, secrets.find(({ metadata }) => metadata.name === originOf(path)?.secret)?.stringData[basename(path)] ?? '')
      return [name, file]
    })
    assert.throws(() => readSettings({ ...environmentOf(example), ...Object.fromEntries(placed) }), (error: Error) =>
      ['JOURNAL_URL', 'JOURNAL_ENCRYPTION_KEY', 'AUTH_CLIENTS_FILE', 'TLS_CERT_FILE'].every((name) => error.message.includes(`${name}:`)))
  })
})

test("the pod keeps Kubernetes' restricted profile, writes to /tmp only, and has no token", () => {
  assert.deepEqual(container['securityContext'], { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } })
  assert.deepEqual(pod.spec['securityContext'], { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
  assert.equal(pod.spec['automountServiceAccountToken'], false)
  for (const name of ['hostNetwork', 'hostPID', 'hostIPC']) assert.equal(pod.spec[name], undefined)
  const writable = pod.spec.volumes.filter(({ secret }) => secret === undefined).map(({ name }) => container.volumeMounts.find((mount) => mount.name === name)?.mountPath)
  assert.deepEqual(writable, ['/tmp'])
  assert.ok(pod.spec.volumes.every(({ secret, emptyDir }) => secret !== undefined || emptyDir !== undefined))
})

test('every port that is named by name exists', () => {
  const names = container.ports.map(({ name }) => name)
  const [port] = find<{ spec: { ports: readonly { name: string; targetPort: string }[] } }>('Service').spec.ports
  assert.ok(port !== undefined && names.includes(port.targetPort))
  assert.deepEqual(find<{ spec: { endpoints: readonly { port: string }[] } }>('ServiceMonitor').spec.endpoints.map((endpoint) => endpoint.port), [port.name])
  for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) assert.ok(names.includes((container[probe] as { httpGet: { port: string } }).httpGet.port), probe)
})
