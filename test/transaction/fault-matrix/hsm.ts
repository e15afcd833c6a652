import { createHash } from 'node:crypto'
import type { Simulator } from '../../../src/simulator/simulator.ts'
import type { Variant } from './tables.ts'

/** What the HSM holds under the labels of one cell, told apart by who made it. */
export interface Holdings {
  /** Labels of keys that the cell's transactions made. */
  ours(): string[]
  /** Labels of certificate objects that they made. */
  ourCertificates(): string[]
  /** Everything there is to say of the keys that were there before, and of their certificates. */
  theirs(): Promise<unknown>
}

/**
 * Plants what was there before: under an exact label that very key, under a prefix one of just that label and one that begins with it. They
 * look as a key of the transaction's own would, down to the moment of their making, so that nothing but care protects them.
 */
export async function prepareHsm(simulator: Simulator, { keyBefore, label }: Variant, name: string): Promise<Holdings> {
  const before = !keyBefore ? [] : label === 'exact' ? [name] : [name, `${name}-theirs`]
  for (const planted of before) await simulator.addKey({ label: planted, certificate: true })
  const isOurs = (found: string): boolean => found.startsWith(name) && !before.includes(found)
  return {
    ours: () => simulator.labels().filter(isOurs),
    ourCertificates: () => simulator.certificates().filter(isOurs),
    theirs: () => Promise.all(before.map(async (planted) => {
      if (!simulator.labels().includes(planted)) return `${planted} is gone`
      const { created, useCount, flags, password } = simulator.key(planted)
      const certificate = await (await fetch(`${simulator.url}/v1/certificate/${planted}`)).text()
      return { planted, created, useCount, flags, password, publicKey: publicKeyDigest(simulator, planted), certificate }
    })),
  }
}

/** SHA-256 over the DER SubjectPublicKeyInfo of a key that the HSM holds, as an evidence report writes it. */
export const publicKeyDigest = (simulator: Simulator, label: string): string =>
  createHash('sha256').update(simulator.publicKey(label).export({ type: 'spki', format: 'der' })).digest('hex')
