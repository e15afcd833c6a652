import { Deployment } from 'kubernetes-models/apps/v1/Deployment'
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget'
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap'
import { Namespace } from 'kubernetes-models/v1/Namespace'
import { Secret } from 'kubernetes-models/v1/Secret'
import { Service } from 'kubernetes-models/v1/Service'
import { PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule'
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor'

export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> }
}

interface Model { validate(): void }
const KINDS: readonly { readonly apiVersion: string; readonly kind: string; new (data: never): Model }[] = [
  ConfigMap, Deployment, Namespace, NetworkPolicy, PodDisruptionBudget, PrometheusRule, Secret, Service, ServiceMonitor,
]

/**
 * Holds a manifest against the schema of its kind. The schemas say nothing of fields that they do not know, which Kubernetes drops or
 * refuses: what no schema ever looked at is a fault too.
 * @returns one line per fault
 */
export function faultsOf(manifest: Manifest): string[] {
  const Kind = KINDS.find(({ apiVersion, kind }) => apiVersion === manifest.apiVersion && kind === manifest.kind)
  if (Kind === undefined) return [`${manifest.apiVersion} ${manifest.kind} has no schema here`]
  const seen = new Map<object, Set<string>>()
  const model = new Kind(manifest as never)
  try {
    watched(model, seen).validate()
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
  return unseen(model, seen, manifest.kind)
}

/** Notes which members of it, at any depth, are read. */
function watched<T extends object>(value: T, seen: Map<object, Set<string>>): T {
  const read = seen.get(value) ?? new Set<string>()
  seen.set(value, read)
  return new Proxy(value, {
    get(target, key, receiver) {
      const member: unknown = Reflect.get(target, key, receiver)
      if (typeof key === 'string') read.add(key)
      return typeof member === 'object' && member !== null ? watched(member, seen) : member
    },
  })
}

function unseen(value: unknown, seen: ReadonlyMap<object, ReadonlySet<string>>, path: string): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]) => (seen.get(value)?.has(key) ? unseen(member, seen, `${path}/${key}`) : [`${path}/${key} is unknown`]))
}
