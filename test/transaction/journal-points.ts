import type { Scene } from '../support/scene.ts'
import type { RequestKind } from './requests.ts'

const CREATE_LEAVES = 'create-key leaves'

/** What makes a transaction take a path, and the writes to the journal on it that it waits for, in their order. */
export const PATHS = {
  completed: {
    breaks: () => undefined,
    writes: ['the row', CREATE_LEAVES, 'its public key', 'the bundle'],
  },
  'rolled back': {
    breaks: ({ simulator }: Scene) => { simulator.faults.set('certificate-request', { kind: 'hsm-error' }) },
    writes: ['the row', CREATE_LEAVES, 'its public key', 'it rolls back', 'the delete leaves', 'it is rolled back'],
  },
  'owed at first': {
    breaks: ({ simulator }: Scene) => { simulator.faults.set('create-key', { kind: 'reset-before' }) },
    writes: ['the row', CREATE_LEAVES, 'it rolls back', 'it is owed'],
  },
}
export type Path = keyof typeof PATHS
/** Under a fresh label the row itself says that the create leaves. */
export const writesOf = (path: Path, kind: RequestKind): readonly string[] =>
  PATHS[path].writes.filter((write) => kind !== 'a label prefix' || write !== CREATE_LEAVES)
export type Point = readonly [path: Path, write: string, when: 'before' | 'after']

/** Every write once, before and after: those that are the same on several paths are taken on the first of them. */
export const EVERY_POINT: readonly Point[] = (Object.keys(PATHS) as Path[]).flatMap((path, i, paths) => PATHS[path].writes
  .filter((write) => !paths.slice(0, i).some((earlier) => PATHS[earlier].writes.includes(write)))
  .flatMap((write): Point[] => [[path, write, 'before'], [path, write, 'after']]))

/** Where it matters how the key can be found and taken back, and what is kept of the request. */
export const tellingPoints = (kind: RequestKind): readonly Point[] => [
  ['completed', kind === 'a label prefix' ? 'the row' : CREATE_LEAVES, 'after'], ['completed', 'its public key', 'before'],
  ['completed', 'the bundle', 'before'], ['completed', 'the bundle', 'after'],
]

/** @returns whether a process that got as far as this has committed its bundle */
export function isKept([path, write, when]: Point): boolean {
  return path === 'completed' && write === 'the bundle' && when === 'after'
}
