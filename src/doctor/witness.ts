import type { Tsb } from '../tsb/tsb.ts'

/** A time that the HSM told, and when that was by this machine's clock. Epoch milliseconds. */
export interface ToldTime {
  /** As told: whole seconds, so up to a second before the moment that is meant. */
  readonly told: number
  readonly between: readonly [number, number]
}

/** What passed by while others used a TSB. */
export interface Witness {
  /** To be used in place of the TSB. */
  readonly tsb: Tsb
  /** Times of the HSM in answers; nobody signed for them. */
  times(): readonly ToldTime[]
  /** The export as it came, and when it was made by this machine's clock. */
  exported(): { readonly zip: Uint8Array; readonly between: readonly [number, number] } | undefined
  /** What became of the certificate that the CSR call may have left; undefined where nobody asked. */
  certificateDeletion(): 'deleted' | Error | undefined
}

/** @param now the clock */
export function openWitness(tsb: Tsb, now: () => Date): Witness {
  const times: ToldTime[] = []
  let exported: ReturnType<Witness['exported']>
  let certificateDeletion: ReturnType<Witness['certificateDeletion']>

  const timed = async <T>(run: () => Promise<T>): Promise<{ value: T; between: [number, number] }> => {
    const from = now().getTime()
    const value = await run()
    return { value, between: [from, now().getTime()] }
  }
  const note = (time: unknown, between: [number, number]): void => {
    const told = Date.parse(String(time))
    if (!Number.isNaN(told)) times.push({ told, between })
  }

  return {
    times: () => times,
    exported: () => exported,
    certificateDeletion: () => certificateDeletion,
    tsb: {
      ...tsb,
      async createKey(...call) {
        const { value, between } = await timed(() => tsb.createKey(...call))
        note(value.createTime, between)
        note(value.attestTime, between)
        return value
      },
      async keyAttributes(...call) {
        const { value, between } = await timed(() => tsb.keyAttributes(...call))
        note(value?.attestTime, between)
        return value
      },
      async exportKeyAttestation(...call) {
        const { value: zip, between } = await timed(() => tsb.exportKeyAttestation(...call))
        exported = { zip, between }
        return zip
      },
      async deleteCertificate(...call) {
        try {
          await tsb.deleteCertificate(...call)
          certificateDeletion = 'deleted'
        } catch (error) {
          certificateDeletion = error instanceof Error ? error : new Error('failed')
          throw error
        }
      },
    },
  }
}
