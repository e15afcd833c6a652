import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, parseAllDocuments, stringify } from 'yaml'
import type { Manifest } from './schemas.ts'

const installer = fileURLToPath(new URL('../support/install-kubectl', import.meta.url))
/** Where the manifests are. */
export const KUBERNETES = fileURLToPath(new URL('../../deploy/kubernetes/', import.meta.url))

/**
 * What `kubectl kustomize` makes of a folder below deploy/kubernetes. Installs Debian's kubectl where none is.
 * @param change is let at a copy of deploy/kubernetes first
 * @throws Error with its words where it refuses
 */
export function kustomize(folder: string, change: (home: string) => void = () => {}): Manifest[] {
  execFileSync(installer, { stdio: ['ignore', 'ignore', 'inherit'] })
  const home = mkdtempSync(join(tmpdir(), 'kustomize-'))
  try {
    cpSync(KUBERNETES, home, { recursive: true })
    change(home)
    if (isOld()) useBases(join(home, folder, 'kustomization.yaml'))
    return manifestsIn(execFileSync('kubectl', ['kustomize', join(home, folder)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }))
  } finally {
    rmSync(home, { recursive: true })
  }
}

/** The documents of a YAML text. */
export const manifestsIn = (text: string): Manifest[] => parseAllDocuments(text).map((document) => document.toJS() as Manifest)

/** Debian 12 has kubectl 1.20, whose kustomize takes folders as `bases` only; what was `bases` has been `resources` since 1.21. */
const isOld = (): boolean => /GitVersion:"v1\.(1?\d|20)\./.test(execFileSync('kubectl', ['version', '--client'], { encoding: 'utf8' }))

function useBases(path: string): void {
  const { resources, ...rest } = parse(readFileSync(path, 'utf8')) as { resources: string[] }
  const isFolder = (name: string): boolean => name.startsWith('../')
  writeFileSync(path, stringify({ ...rest, resources: resources.filter((name) => !isFolder(name)), bases: resources.filter(isFolder) }))
}
